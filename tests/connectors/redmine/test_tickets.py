"""Tickets of a Redmine: found again, never opened twice, its silences made loud, nothing lost between polls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.redmine.acts import WorkflowError
from connectors.redmine.connector import Redmine
from connectors.redmine.kind import RedmineSettings
from core.errors import InputError, RefusedError, SetupError, UnknownVocabularyError
from core.words import Delivery, Json, Record
from lab.standins.redmine import Redmine as Standin
from tests.connectors.redmine.test_laws import CUSTOM, RECORDED

TICKET = {"title": "press-07 is hot", "machine": "press-07", "tieline_ref": "TICK-2026-000001"}


@pytest.fixture
def standin() -> Iterator[Standin]:
    with Standin() as made:
        yield made


def connector(standin: Standin, **more: Any) -> Redmine:
    given = {"url": standin.url, "api_key": "key-of-the-gateway-2026", "project": "plant", "custom_fields": CUSTOM, **more}
    return Redmine("tickets", RedmineSettings.model_validate(given))


def read(made: Redmine, cursor: Json, limit: int = 500) -> tuple[list[Record], Json]:
    found: list[Record] = []
    while True:
        page = made.poll("issues", cursor, limit)
        assert page.count <= limit
        found += made.parse(Delivery("rcp_1", "tickets", page.body, {}, 0, stream="issues"), made.settings)
        cursor = page.cursor
        if not page.more:
            return found, cursor


def test_a_wrong_number_of_a_field_never_takes_a_strangers_ticket(standin: Standin) -> None:
    """Redmine ignores a filter it does not know, so every issue would match: what it brings is compared again."""
    standin.open({"subject": "Somebody else's"}, 6)
    made = connector(standin, custom_fields={**CUSTOM, "tieline_ref": 99})
    outcome = made.act("create_ticket", TICKET, key="k")
    report = made.check()

    assert not outcome.repeated
    assert outcome.external_id == "2"
    assert [step.name for step in report.steps if not step.ok] == ["sample:issues"]
    assert "99 (tieline_ref)" in report.steps[-1].detail


def test_a_step_the_workflow_forbids_is_loud(standin: Standin) -> None:
    """Redmine answers 204 and keeps the status; here that is a refusal that names both."""
    made = connector(standin)
    standin.open({"subject": "x"}, 6)
    made.act("update_ticket", {"id": "1", "status": "Closed"}, key="k1")
    with pytest.raises(WorkflowError, match="from 'Closed' to 'Rejected'"):
        made.act("update_ticket", {"id": "1", "status": "Rejected"}, key="k2")


@pytest.mark.parametrize(("field", "word"), [("status", "resolved"), ("priority", "Immediately")])
def test_an_unknown_word_is_answered_with_the_known_ones(standin: Standin, field: str, word: str) -> None:
    """Names are Redmine's own, letter by letter."""
    standin.open({"subject": "x"}, 6)
    with pytest.raises(UnknownVocabularyError, match=r"It knows: (New, In Progress, Resolved|Low, Normal, High)"):
        connector(standin).act("update_ticket", {"id": "1", field: word}, key="k")


def test_changes_of_one_second_are_all_read_once(standin: Standin) -> None:
    """Times are whole seconds: states are compared, however small the pages."""
    made = connector(standin)
    for number in range(5):
        standin.open({"subject": f"ticket {number}"}, 6)
    found, cursor = read(made, None, 2)
    standin.change(standin.issues[3], {"status_id": 2}, 6)
    again, cursor = read(made, cursor, 2)

    assert sorted(one.external_id for one in found) == ["1", "2", "3", "4", "5"]
    assert [(one.external_id, one.data["status"]) for one in again] == [("3", "In Progress")]
    assert read(made, cursor)[0] == []


def test_our_own_change_has_the_version_that_comes_back(standin: Standin) -> None:
    """What an act says it left is what the poll brings, so an echo is recognised; push and poll agree on it too."""
    made = connector(standin)
    outcome = made.act("create_ticket", TICKET, key="k")
    ((record,), _) = read(made, None)
    assert (record.external_id, record.version, record.hint) == (outcome.external_id, outcome.version, "TICK-2026-000001")
    changed = made.act("update_ticket", {"id": "1", "status": "Closed"}, key="k2")
    assert read(made, None)[0][0].version == changed.version

    (pushed,) = made.parse(Delivery("r", "t", (RECORDED / "push_closed.json").read_bytes(), {}, 0), made.settings)
    assert (pushed.data["status"], pushed.data["closed"], pushed.actor, pushed.data["machine"]) == (
        "Closed",
        True,
        "tech",
        "press-07",
    )


def test_what_redmine_refuses_keeps_its_words(standin: Standin) -> None:
    """422 says in words what is wrong; an empty title does not even leave."""
    standin.open({"subject": "x"}, 6)
    made = connector(standin)
    with pytest.raises(RefusedError, match="Subject cannot be blank"):
        made.act("update_ticket", {"id": "1", "title": ""}, key="k")
    with pytest.raises(InputError):
        made.act("create_ticket", {"title": " "}, key="k")


def test_missing_rights_and_fields_are_named_by_check(standin: Standin) -> None:
    """Each permission is read from the roles; a ticket that could not be found again is not opened."""
    standin.rights.remove("add_issues")
    made = connector(standin, custom_fields={"machine": 1})
    failed = {step.name: step for step in made.check().steps if not step.ok}

    assert set(failed) == {"permission:add_issues", "setting:custom_fields"}
    assert "Gateway" in failed["permission:add_issues"].detail
    with pytest.raises(SetupError, match="tieline_ref"):
        made.act("create_ticket", TICKET, key="k")
