from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection

from core.database import Database
from core.definitions import publish, save_version
from mappings.catalogue import Written, load
from mappings.translate import Reference
from tests.mappings.definitions import ALERT, DEVICE, MAPPING, SITE, world


def keep(conn: Connection, kind: str, spec: dict[str, Any], *, live: bool = True) -> int:
    """Save a version, and publish it unless it stays a draft."""
    version = save_version(conn, kind, spec["name"], spec, author="test", now=1)
    if live:
        publish(conn, version.version_id, edges=(), now=1)
    return version.version_id


def test_the_catalogue_follows_publishing(db: Database) -> None:
    """It is the same object until the next publish, and knows only what is live."""
    with db.write() as conn:
        for spec in (SITE, DEVICE, ALERT):
            keep(conn, "entity", spec)
        first = load(conn)
        assert load(conn) is first
        assert first.prefixes == {"site": "SITE", "device": "DEV", "alert": "ALRT"}
        assert first.types["alert.device"] == "ref"
        assert first.mappings_for("zabbix", "east", "problems") == []
        version_id = keep(conn, "mapping", MAPPING)
        keep(conn, "mapping", {**MAPPING, "name": "draft-one"}, live=False)
        (mapping,) = load(conn).mappings_for("zabbix", "east", "problems")
    assert (mapping.name, mapping.version_id, mapping.refs) == ("zabbix-problems", version_id, {"device": Reference("device")})


def test_one_record_may_feed_several_mappings() -> None:
    """Mappings of a kind's stream are all found; one that names a connector is for that one only."""
    east = {**MAPPING, "name": "east-only", "from": {"kind": "zabbix", "stream": "problems", "connector": "east"}}
    catalogue = world(Written("mapping", "east-only", east))
    names = [[one.name for one in catalogue.mappings_for("zabbix", at, "problems")] for at in ("east", "west")]
    assert names == [["zabbix-problems", "east-only"], ["zabbix-problems"]]
    assert catalogue.mappings_for("zabbix", "east", "hosts") == []


def test_the_order_of_sources_is_per_field() -> None:
    """A field's own order counts before "*"; whoever is not named comes after all who are."""
    spec = {**ALERT, "sources": {"*": ["west"], "title": ["east", "west"]}}
    catalogue = world(Written("entity", "alert", spec))
    assert [catalogue.rank("alert", "title", one) for one in ("east", "west", "other")] == [0, 1, 2]
    assert [catalogue.rank("alert", "severity", one) for one in ("west", "east", "tieline")] == [0, 1, 1]
    assert catalogue.rank("device", "name", "east") == catalogue.rank("device", "name", "west") == 0


@pytest.mark.parametrize(
    ("kind", "name", "spec", "words"),
    [
        ("mapping", "gone", {**MAPPING, "name": "gone", "fields": {"titel": "$.x"}}, "has no field 'titel'"),
        ("mapping", "lost", {**MAPPING, "name": "lost", "to": "nothing"}, "no entity 'nothing'"),
        ("formula", "wrong", {"name": "wrong", "of": "device.name", "expression": "device.nme"}, "device.nme"),
        ("formula", "astray", {"name": "astray", "of": "device.x", "expression": "1"}, "no field 'device.x'"),
        ("entity", "odd", {"name": "odd"}, "prefix"),
    ],
)
def test_a_broken_definition_takes_no_other_down(kind: str, name: str, spec: dict[str, Any], words: str) -> None:
    """What no longer compiles is kept with its reason; everything else works on."""
    catalogue = world(Written(kind, name, spec))
    assert list(catalogue.broken) == [(kind, name)]
    assert words in catalogue.broken[kind, name].why
    assert [one.name for one in catalogue.formulas_of("alert")] == ["alert-priority", "alert-urgent"]


def test_a_record_of_a_broken_mapping_is_not_called_unmapped() -> None:
    """A stream whose mapping is broken says so: its records must wait for the mend."""
    catalogue = world(Written("mapping", "zabbix-hosts", {**MAPPING, "from": {"kind": "zabbix", "stream": "hosts"}, "to": "x"}))
    (error,) = catalogue.broken_for("zabbix", "east", "hosts")
    assert "zabbix-hosts" in error.what
    assert catalogue.mappings_for("zabbix", "east", "hosts") == []
    assert catalogue.broken_for("zabbix", "east", "problems") == []
