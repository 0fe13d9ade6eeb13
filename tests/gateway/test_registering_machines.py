"""A kind whose settings are nested, and one with a secret and lists, are registered through the API like any other."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from core.tables import connector
from tests.connectors.modbus.press import POINTS, Press
from tests.connectors.smtp.post_office import PASSWORD, PostOffice
from tests.gateway.ground import Ground


def test_points_of_a_machine_are_settings_like_any_other(ground: Ground) -> None:
    """Nested settings are checked, kept and shown; a misspelt word in them is named by its place."""
    with Press() as press:
        given = {"name": "press-07", "kind": "modbus", "settings": press.settings()}
        made = ground.ok("POST", "/connectors", given)
        assert (made["state"], made["settings"]["points"]["oil_temperature"]["unit"]) == ("ok", "°C")
        wrong = {**press.settings(), "points": {**POINTS, "x": {"adress": 1}}}
        said = ground.call("POST", "/connectors", {"name": "p2", "kind": "modbus", "settings": wrong})
    assert said.status_code == 422
    assert "adress" in said.get_data(as_text=True)


def test_a_mail_servers_password_is_kept_out_of_sight(ground: Ground, tmp_path: Path) -> None:
    """Registered with its check against a real server; the row holds it encrypted."""
    with PostOffice(tmp_path) as office:
        made = ground.ok("POST", "/connectors", {"name": "mail", "kind": "smtp", "settings": office.settings()})
        with ground.db.read() as conn:
            row = conn.execute(select(connector)).mappings().one()
    assert (made["state"], made["secrets"]) == ("ok", ["password"])
    assert PASSWORD not in str(made) + str(dict(row))
