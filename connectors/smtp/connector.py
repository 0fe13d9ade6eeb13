"""The smtp connector: one line to the mail server per call, and every answer of it in our words."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, ClassVar

from connectors.kit.contract import CheckReport, Connector, Kind, Step
from connectors.kit.outcomes import CertificateError
from connectors.kit.redact import Redactor
from connectors.kit.shapes import shaped
from connectors.kit.watch import hang_up, watched
from connectors.smtp.kind import SMTP, SmtpSettings
from connectors.smtp.letter import letter, message_id
from core.clock import Clock
from core.errors import (
    CredentialsError,
    MalformedError,
    RefusedError,
    SetupError,
    TielineError,
    TransientError,
    UnreachableError,
)
from core.words import Delivery, Json, Outcome, Record, Verified

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_SIGN_IN = (530, 534, 535, 538)  #: sign in first; too weak; wrong; only encrypted
_PLAIN = ("WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE")


class Smtp(Connector):
    """One mail server. Each call has a line of its own, so threads share nothing."""

    kind: ClassVar[Kind] = SMTP

    def __init__(self, name: str, settings: SmtpSettings, *, clock: Clock | None = None) -> None:
        super().__init__(name, settings, clock=clock)
        self._redact = Redactor([settings.password.get_secret_value()] if settings.password else [])

    def check(self) -> CheckReport:
        """Sign in, and ask whether we may write in the sender's name; the letter is taken back before it is begun."""
        report = CheckReport()
        if not report.run("credentials", self._sign_in):
            return report
        report.steps.append(self._tls())
        report.run("permission:send", self._may_send)
        return report

    @classmethod
    def parse(cls, delivery: Delivery, settings: Any) -> list[Record]:
        """Nothing comes in this way."""
        del delivery, settings
        raise MalformedError(
            "This kind receives nothing.", why="SMTP only sends here.", fix="Push to another connector's door."
        )

    def act(self, name: str, arguments: Mapping[str, Json], *, key: str) -> Outcome:
        """Send one letter. Where the server takes it for some people only, the rest are named."""
        shaped(dict(arguments), self.kind.act(name).arguments, f"What {name} is given")
        message, people = letter(arguments, self.settings, key, self.clock.now())
        with self._line() as line:
            refused = line.send_message(message, self.settings.sender, people)
        said = {who: self._said(*answer) for who, answer in refused.items()}
        note = f"Not for {', '.join(f'{who} ({why})' for who, why in said.items())}" if said else None
        request = {"to": people, "subject": arguments["subject"], "message-id": message["Message-ID"]}
        external_id = message_id(key, self.settings.sender)
        return Outcome(external_id, None, {}, note=note, degraded=bool(said), request=request, response={"refused": said})

    def verify(self, name: str, arguments: Mapping[str, Json], outcome: Outcome) -> Verified:
        """Count the server's word: what becomes of a letter afterwards nobody can read back."""
        self.kind.act(name)
        return Verified(True, {}, "The mail server took it; SMTP offers nothing to read back.")

    @contextmanager
    def _line(self) -> Iterator[smtplib.SMTP]:
        """Give a signed-in line, cut when its time is over."""
        given: SmtpSettings = self.settings
        try:
            context = ssl.create_default_context(cafile=given.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise SetupError(
                f"The CA file {given.ca_file!r} cannot be used.",
                why=f"{type(error).__name__}: {error}.",
                fix="Set ca_file to a readable PEM file that holds the private CA's certificate.",
            ) from error
        line: smtplib.SMTP | None = None
        try:
            line = smtplib.SMTP(timeout=given.timeout_s) if given.security != "tls" else None
            line = line or smtplib.SMTP_SSL(timeout=given.timeout_s, context=context)
            line._host = given.host  # type: ignore[attr-defined]  # the name that TLS proves; only its constructor sets it
            with watched(lambda: hang_up(line.sock if line else None), given.timeout_s * 2):
                self._open(line, context)
                yield line
                with suppress(smtplib.SMTPException, OSError):
                    line.quit()  # what was sent is sent, whatever it says now
        except TielineError:
            raise
        except Exception as error:  # the one place where library exceptions become ours
            raise self._translated(error) from None
        finally:
            if line is not None:
                line.close()

    def _open(self, line: smtplib.SMTP, context: ssl.SSLContext) -> None:
        code, said = line.connect(self.settings.host, self.settings.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, said)
        line.ehlo_or_helo_if_needed()
        if self.settings.security == "starttls":
            line.starttls(context=context)
            line.ehlo()
        if self.settings.username is not None and self.settings.password is not None:
            line.login(self.settings.username, self.settings.password.get_secret_value())

    def _sign_in(self) -> str:
        with self._line() as line:
            line.noop()
        return f"{self.settings.host}:{self.settings.port} signs us in as {self.settings.username or 'nobody'}."

    def _may_send(self) -> str:
        with self._line() as line:
            code, said = line.mail(self.settings.sender)
            if code != 250:
                raise smtplib.SMTPSenderRefused(code, said, self.settings.sender)
            line.rset()
        return f"We may write as {self.settings.sender} (asked and taken back; nothing was sent)."

    def _tls(self) -> Step:
        if self.settings.security != "none":
            return Step("tls", ok=True, detail="The line is encrypted and the server's certificate is right.", needed=False)
        if self.settings.host in _LOOPBACK:
            return Step("tls", ok=True, detail="The line never leaves this machine.", needed=False)
        fix = "Set security to starttls (port 587) or tls (port 465)."
        return Step("tls", ok=False, detail="Mail and password travel in the clear.", fix=fix, needed=False)

    def _said(self, code: int, said: Any) -> str:
        text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        return self._redact(f"{code} {' '.join(text.split())}")[:500]

    def _translated(self, error: Exception) -> TielineError:
        place = f"{self.settings.host}:{self.settings.port}"
        if isinstance(error, smtplib.SMTPRecipientsRefused):
            code, answer = max(error.recipients.values(), key=lambda one: one[0])
            people = ", ".join(error.recipients)
            return self._answered(code, self._said(code, answer), f"The mail server takes nothing for {people}")
        if isinstance(error, smtplib.SMTPResponseException):
            return self._answered(error.smtp_code, self._said(error.smtp_code, error.smtp_error), "The mail server refused")
        said = self._redact(f"{type(error).__name__}: {error}")[:500]
        if isinstance(error, smtplib.SMTPNotSupportedError):
            fix = "Correct security and user name: a server without STARTTLS or sign-in wants security none or no user."
            return SetupError(f"The mail server at {place} cannot do what is set.", why=said, fix=fix)
        if isinstance(error, ssl.SSLCertVerificationError):
            return CertificateError(
                f"The mail server shows a certificate we cannot trust ({place}).",
                why=said,
                fix="Set ca_file to the CA that signed it, or correct host. Verification cannot be switched off.",
            )
        if isinstance(error, ssl.SSLError) and any(word in said.upper().replace(" ", "_") for word in _PLAIN):
            fix = "Set security to starttls or correct the port. It is tried again."
            return UnreachableError(f"The mail server does not speak TLS from the first byte ({place}).", why=said, fix=fix)
        if isinstance(error, UnicodeError | ValueError) and not isinstance(error, OSError):
            return RefusedError("The mail cannot be sent.", why=said, fix="Use addresses that the server can carry.")
        return UnreachableError(f"The mail server cannot be reached ({place}).", why=said)

    def _answered(self, code: int, said: str, what: str) -> TielineError:
        if code in _SIGN_IN:
            fix = "Correct user name and password; some services want an app password."
            return CredentialsError(
                "The mail server does not accept our credentials.", why=f"It said: {said}", fix=fix, foreign=said
            )
        if 400 <= code < 500:
            return TransientError(f"{what} for now.", why=f"It said: {said}", foreign=said)
        fix = "Read its words: correct the address, the sender or the text; then retry."
        return RefusedError(f"{what}.", why=f"It said: {said}", fix=fix, foreign=said)
