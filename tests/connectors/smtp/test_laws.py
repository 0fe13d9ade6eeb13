"""The kind smtp keeps every law of the kit, on a real SMTP server with STARTTLS and sign-in."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.kit import lawbook
from connectors.kit.lawbook import Landscape
from connectors.kit.laws import ConnectorLaws
from connectors.smtp.connector import Smtp
from tests.connectors.smtp.post_office import PASSWORD, PostOffice
from tests.connectors.tcp_route import TcpRoute


class TestSmtp(ConnectorLaws):
    connector = Smtp
    acts = {  # noqa: RUF012 - as in the laws
        "send_mail": {
            "to": ["anna@plant.example"],
            "subject": "压机 07 油温过高 / press-07 is hot",
            "text": "91.5 °C\nTICK-2026-000001",
            "html": "<p>91.5 °C</p>",
        }
    }
    test_a_wish_to_wait_is_kept = None  # type: ignore[assignment]  # SMTP has codes for "later", but none for "when"

    @contextmanager
    def landscape(self) -> Iterator[Landscape]:
        with tempfile.TemporaryDirectory() as folder, PostOffice(Path(folder)) as office, TcpRoute(office.port) as route:

            def trouble(word: str) -> None:
                if word == "unauthorised":
                    office.password = "changed"
                elif word == "refused":
                    office.says = f"554 5.7.1 {lawbook.FOREIGN}"
                else:
                    route.trouble(word)

            def calm() -> None:
                office.password, office.says = PASSWORD, None
                route.calm()

            yield Landscape(office.settings(route.port), trouble=trouble, calm=calm, writes=lambda: len(office.letters))
