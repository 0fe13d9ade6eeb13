"""A post office: a real SMTP server (aiosmtpd) with STARTTLS, sign-in, and people it takes no mail for."""

from __future__ import annotations

import email
import socket
import ssl
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from lab.certificates import certify

USER, PASSWORD = "tieline", "smtp-pass-2026"


class PostOffice:
    """``letters`` are what arrived; ``says`` is answered to every recipient while it is set."""

    def __init__(self, folder: Path, *, implicit: bool = False, plain: bool = False) -> None:
        certify(folder)
        self.ca_file = folder / "ca.pem"
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(folder / "server.pem", folder / "server.key")
        self.letters: list[EmailMessage] = []
        self.says: str | None = None
        self.password = PASSWORD
        more: dict[str, Any] = {"ssl_context": context} if implicit else {}
        if not implicit and not plain:
            more = {"tls_context": context, "require_starttls": True}
        signs_in: dict[str, Any] = {} if plain else {"authenticator": self._knows, "auth_required": True}
        if implicit:
            # the whole line is TLS, which aiosmtpd does not count
            signs_in = {"authenticator": self._knows, "auth_require_tls": False}
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self._server = Controller(self, hostname="127.0.0.1", port=self.port, **more, **signs_in)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    def settings(self, port: int | None = None, **more: Any) -> dict[str, Any]:
        """Give the settings that reach it."""
        return {
            "host": "127.0.0.1",
            "port": port or self.port,
            "username": USER,
            "password": PASSWORD,
            "sender": "tieline@plant.example",
            "ca_file": str(self.ca_file),
            **more,
        }

    def _knows(self, _server: SMTP, _session: Session, _envelope: Envelope, _how: str, given: Any) -> AuthResult:
        right = isinstance(given, LoginPassword) and (given.login, given.password) == (USER.encode(), self.password.encode())
        return AuthResult(success=right, handled=False)

    async def handle_RCPT(self, _server: SMTP, _session: Session, envelope: Envelope, who: str, _options: list[str]) -> str:  # noqa: N802
        if self.says is not None:
            return self.says
        if who.startswith("nobody@"):
            return "550 5.1.1 no such person"
        envelope.rcpt_tos.append(who)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        assert isinstance(content, bytes)
        self.letters.append(email.message_from_bytes(content, policy=policy.default))
        return "250 OK: queued as 4711"
