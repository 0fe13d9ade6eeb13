"""Letters arrive as they were meant, once by their id; what a server says becomes the right family."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors.kit.outcomes import CertificateError
from connectors.smtp.connector import Smtp
from connectors.smtp.kind import SmtpSettings
from core.errors import CredentialsError, InputError, RefusedError, SetupError, TielineError, TransientError, UnreachableError
from tests.connectors.smtp.post_office import PostOffice

LETTER: dict[str, Any] = {"to": ["anna@plant.example"], "subject": "press-07 is hot 油温过高", "text": "91.5 °C\n第二行"}


def connector(office: PostOffice, **more: Any) -> Smtp:
    return Smtp("mail", SmtpSettings.model_validate(office.settings(timeout_s=2, **more)))


def test_a_letter_arrives_as_it_was_written(tmp_path: Path) -> None:
    """Chinese, several people, both forms; the id is the same for a second try and another for another write."""
    with PostOffice(tmp_path) as office:
        made = connector(office)
        for key in ("rule/evt/1", "rule/evt/1", "rule/evt/2"):
            made.act("send_mail", {**LETTER, "cc": ["bo@plant.example"], "html": "<p>91.5</p>"}, key=key)
        first, second, third = office.letters

    assert (first["Subject"], first["To"], first["Cc"]) == (LETTER["subject"], "anna@plant.example", "bo@plant.example")
    assert first["From"] == "Tieline <tieline@plant.example>"
    assert first.get_body(("plain",)).get_content().splitlines() == ["91.5 °C", "第二行"]  # type: ignore[union-attr]
    assert first["Message-ID"] == second["Message-ID"] != third["Message-ID"]
    assert first["Auto-Submitted"] == "auto-generated"


def test_who_is_not_taken_is_named(tmp_path: Path) -> None:
    """A letter that went to some people only is degraded, with the server's words; one that went to nobody is refused."""
    with PostOffice(tmp_path) as office:
        made = connector(office)
        outcome = made.act("send_mail", {**LETTER, "to": ["anna@plant.example", "nobody@plant.example"]}, key="k")
        with pytest.raises(RefusedError, match="no such person"):
            made.act("send_mail", {**LETTER, "to": ["nobody@plant.example"]}, key="k2")

    assert outcome.degraded
    assert outcome.note == "Not for nobody@plant.example (550 5.1.1 no such person)"
    assert len(office.letters) == 1


@pytest.mark.parametrize(
    ("says", "family"),
    [
        ("450 4.2.0 greylisted, come back", TransientError),
        ("530 5.7.0 sign in first", CredentialsError),
        ("552 5.2.2 mailbox full", RefusedError),
    ],
)
def test_what_the_server_says_decides_who_moves(tmp_path: Path, says: str, family: type[TielineError]) -> None:
    """4xx is tried again, a demand to sign in is a setting, 5xx is a refusal; its words are kept."""
    with PostOffice(tmp_path) as office:
        office.says = says
        with pytest.raises(family, match=says[4:]):
            connector(office).act("send_mail", LETTER, key="k")


def test_tls_from_the_first_byte(tmp_path: Path) -> None:
    """The other way to encrypt works, and is not confused with the first."""
    with PostOffice(tmp_path, implicit=True) as office:
        assert connector(office, security="tls").check().ok
    with PostOffice(tmp_path) as office, pytest.raises(UnreachableError, match="does not speak TLS"):
        connector(office, security="tls").act("send_mail", LETTER, key="k")


def test_a_stranger_gets_neither_password_nor_letter(tmp_path: Path) -> None:
    """A certificate that is not trusted, and a server that offers no encryption, end it before we sign in."""
    with PostOffice(tmp_path) as office, pytest.raises(CertificateError):
        connector(office, ca_file=None).act("send_mail", LETTER, key="k")
    with PostOffice(tmp_path, plain=True) as office:
        with pytest.raises(SetupError, match="cannot do what is set"):
            connector(office).act("send_mail", LETTER, key="k")
        assert not office.letters


@pytest.mark.parametrize(
    "wrong",
    [
        {"to": []},
        {"to": ["Anna <anna@plant.example>"]},
        {"to": ["anna@plant.example\r\nBcc: eve@evil.example"]},
        {"to": ["a@b.example", 7]},
        {"subject": "two\r\nBcc: eve@evil.example"},
        {"subject": " "},
        {"text": ""},
        {"to": [f"p{number}@plant.example" for number in range(101)]},
    ],
)
def test_what_is_no_letter_is_not_sent(tmp_path: Path, wrong: dict[str, Any]) -> None:
    """Broken addresses and hidden headers are the caller's mistake; the server hears nothing of them."""
    with PostOffice(tmp_path) as office:
        with pytest.raises(InputError):
            connector(office).act("send_mail", {**LETTER, **wrong}, key="k")
        assert not office.letters


def test_check_sends_nothing_and_names_a_missing_right(tmp_path: Path) -> None:
    """The check asks in the sender's name and takes it back."""
    with PostOffice(tmp_path) as office:
        report = connector(office).check()
        assert [step.name for step in report.steps if step.ok] == ["credentials", "tls", "permission:send"]
        assert not office.letters
