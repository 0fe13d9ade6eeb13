"""The golden record: which claim wins, by what, and who may overrule it."""

from __future__ import annotations

from typing import Any

import pytest

from core.database import Database
from core.errors import ConflictError
from core.tables import connector
from core.words import FieldState
from mappings import golden
from mappings.catalogue import Catalogue, Written, build
from mappings.golden import why
from mappings.identity import merge, unmerge
from mappings.translate import Translated
from mappings.values import Stamp, current_values, differences
from tests.mappings.registers import NOW, add_connector, customers, say

TITLE = {"en": "x", "zh": "某"}


def world(**more: Any) -> Catalogue:
    fields = {name: {"type": "string"} for name in ("name", "phone", "street")}
    return build([Written("entity", "customer", {"prefix": "CUST", "title": TITLE, "fields": fields, **more})])


def read(db: Database, entity_id: int, live: Catalogue) -> dict[str, tuple[Any, str]]:
    """Return value and rule of every field, as people are told."""
    with db.read() as conn:
        found = current_values(conn, [entity_id], live)[entity_id]
        names = {row.id: row.name for row in conn.execute(connector.select())}
    told = {}
    for name, known in found.items():
        other = names[known.losers[0].connector_id] if known.losers else None
        told[name] = (known.value, why(known, live.survivorship("customer", name), names[known.connector_id], other))
    return {name: (value, said.rule) for name, (value, said) in told.items()}


@pytest.fixture
def pair(db: Database) -> int:
    """Two records of one customer: the CRM knows little and said it last, the ERP knows more."""
    with db.write() as conn:
        one, two = customers(conn, db, {})[0], customers(conn, db, {})[0]
        say(conn, one, {"name": "张三", "phone": "13800138000"}, source="crm", at=NOW + 9)
        say(conn, two, {"name": "深圳张三商行", "phone": "0755-86013388", "street": "科技园路1号"}, source="erp", at=NOW + 5)
        merge(conn, db, one, two, made_by="ann", now=NOW)
    return one


@pytest.mark.parametrize(
    ("more", "name", "phone"),
    [
        ({}, ("张三", "newest"), ("13800138000", "newest")),
        ({"sources": {"*": ["erp", "crm"]}}, ("深圳张三商行", "sources"), ("0755-86013388", "sources")),
        ({"survive": {"name": "longest"}}, ("深圳张三商行", "longest"), ("13800138000", "newest")),
        ({"survive": {"*": "most_complete"}}, ("深圳张三商行", "most_complete"), ("0755-86013388", "most_complete")),
        (
            {"sources": {"*": ["erp", "crm"]}, "survive": {"name": "newest"}},
            ("张三", "newest"),
            ("0755-86013388", "sources"),
        ),
    ],
)
def test_each_way_to_survive(pair: int, db: Database, more: Any, name: Any, phone: Any) -> None:
    """Per field: the order of sources, the newest, the longest, the record that says most; and that it was so is told."""
    told = read(db, pair, world(**more))
    assert (told["name"], told["phone"], told["street"]) == (name, phone, ("科技园路1号", "only"))


def test_a_value_beats_none_whatever_the_rule(pair: int, db: Database) -> None:
    """A source that knows nothing cannot erase what another knows."""
    with db.write() as conn:
        say(conn, pair, {}, source="mes", at=NOW + 99, null=("street",))
    assert read(db, pair, world(sources={"*": ["mes"]}))["street"] == ("科技园路1号", "state")


def test_a_pin_beats_everything_and_goes_with_its_record(pair: int, db: Database) -> None:
    """The newest pin wins; it belongs to the record that says it, so it leaves with it; withdrawn, the rule decides again."""
    live = world()
    with db.write() as conn:
        erp, crm = add_connector(conn, "erp"), add_connector(conn, "crm")
        golden.pin(conn, pair, "name", erp, made_by="ann", now=NOW + 10)
    assert read(db, pair, live)["name"] == ("深圳张三商行", "pin")
    with db.write() as conn:
        say(conn, pair, {"name": "张三三"}, source="crm", at=NOW + 50)
    assert read(db, pair, live)["name"] == ("深圳张三商行", "pin")
    with db.write() as conn:
        golden.pin(conn, pair, "name", crm, made_by="bob", now=NOW + 20)
    assert read(db, pair, live)["name"] == ("张三三", "pin")
    with db.write() as conn:
        assert golden.unpin(conn, pair, "name") == 2
    assert read(db, pair, live)["name"] == ("张三三", "newest")
    with db.write() as conn:
        golden.pin(conn, pair, "name", erp, made_by="ann", now=NOW + 30)
        unmerge(conn, db, 1, ended_by="ann", now=NOW)
    assert read(db, pair, live)["name"] == ("张三三", "only")


def test_only_what_is_said_can_be_pinned(pair: int, db: Database) -> None:
    """A pin on a source that says nothing of the field is refused."""
    with db.write() as conn, pytest.raises(ConflictError, match="says nothing of 'street'"):
        golden.pin(conn, pair, "street", add_connector(conn, "crm"), made_by="ann", now=NOW)


@pytest.mark.parametrize("says", [("name", "phone", "street"), ("name",)])
@pytest.mark.parametrize("how", ["longest", "most_complete", "sources", "newest"])
def test_what_is_decided_on_entry_is_what_is_read_later(db: Database, how: str, says: tuple[str, ...]) -> None:
    """The winner that handling sees in memory is the winner that a reader finds in the rows."""
    live = world(survive={"*": how}, sources={"*": ["erp", "crm"]})
    with db.write() as conn:
        [one] = customers(conn, db, {"name": "张三", "street": "中山路"}, source="crm")
        before = current_values(conn, [one], live)[one]
        stamp = Stamp(add_connector(conn, "erp"), "erp", "customer", one, NOW + 1, NOW - 1)
        told = {name: text for name, text in (("name", "深圳张三"), ("phone", "1"), ("street", "路")) if name in says}
        said = {name: Translated(FieldState.PRESENT, text, text, f"$.{name}") for name, text in told.items()}
        after = differences(before, said, stamp, live).after
        say(conn, one, told, source="erp", at=NOW - 1)
        read_back = current_values(conn, [one], live)[one]
    assert {name: known.value for name, known in after.items()} == {name: known.value for name, known in read_back.items()}
