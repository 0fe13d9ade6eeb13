"""Redmine itself: the laws once more, and one ticket from opening to closing with its pushes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import pytest

from connectors.kit import webhooks
from connectors.kit.faults import FaultyRoute
from connectors.kit.lawbook import Landscape, http_landscape
from connectors.redmine.acts import WorkflowError
from connectors.redmine.connector import Redmine
from connectors.redmine.kind import RedmineSettings
from core.clock import SystemClock
from core.words import Delivery, Record
from lab.real.redmine.system import Redmine as Desk
from lab.real.waiting import until
from tests.connectors.redmine.test_laws import CUSTOM
from tests.connectors.redmine.test_laws import TestRedmine as _Laws
from tests.real.own import own

SECRET = webhooks.fresh_secret("standard_webhooks")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Build a Redmine of its own; half a minute goes by."""
    with own(Desk, tmp_path_factory.mktemp("desk")) as made:
        yield made


def opened(desk: Desk, **more: str) -> str:
    """Open a ticket by hand."""
    issue = {"project_id": "plant", "subject": "Noise", "custom_fields": [{"id": 1, "value": "press-07"}], **more}
    return str(desk.ask("tech", "POST", "issues.json", {"issue": issue})["issue"]["id"])


def settings(desk: Desk, url: str | None = None) -> dict[str, object]:
    return {"url": url or desk.url, "api_key": desk.keys()["gateway"], "project": "plant", "custom_fields": CUSTOM}


class TestRedmineItself(_Laws):
    desk: ClassVar[Desk]

    @pytest.fixture(autouse=True)
    def _there(self, desk: Desk) -> None:
        type(self).desk = desk

    @contextmanager
    def landscape(self) -> Iterator[Landscape]:
        number = opened(self.desk)
        type(self).acts = {name: {**given, "id": number} if "id" in given else given for name, given in _Laws.acts.items()}

        def writes() -> int:
            found = self.desk.ask("tech", "GET", f"issues/{number}.json?include=journals")["issue"]["journals"]
            return len(found) + int(self.desk.ask("tech", "GET", "issues.json?status_id=*&limit=1")["total_count"])

        with http_landscape(self.desk.url, lambda url: dict(settings(self.desk, url)), writes=writes) as land:
            yield land


def test_a_ticket_from_opening_to_closing(desk: Desk) -> None:
    """Opened once, found again, commented, resolved by the technician, pushed and signed, and the same when polled."""
    made = Redmine("tickets", RedmineSettings.model_validate(settings(desk)))
    assert made.check().ok
    with FaultyRoute(None) as door:
        desk.push_to(f"{door.url}/in/tickets", SECRET)
        ticket = {"title": "press-07 油温过高", "machine": "press-07", "priority": "Urgent", "tieline_ref": "TICK-2026-000009"}
        first, again = (made.act("create_ticket", ticket, key="story/1") for _ in range(2))
        assert (again.external_id, again.repeated) == (first.external_id, True)
        note = {"id": first.external_id, "text": "CPU mean 40 %"}
        said = [made.act("add_message", note, key="story/2") for _ in range(2)]
        assert [one.repeated for one in said] == [False, True]
        assert made.verify("add_message", note, said[1]).held
        desk.ask("tech", "PUT", f"issues/{first.external_id}.json", {"issue": {"status_id": 5, "notes": "SEAL-80 replaced"}})
        closed = until(lambda: news(door, made, "Closed"), "the push")

    assert (closed.external_id, closed.actor, closed.data["closed"]) == (first.external_id, "tech", True)
    page = made.poll("issues", None)
    polled = {one.external_id: one for one in made.parse(Delivery("r", "t", page.body, {}, 0), made.settings)}
    assert polled[closed.external_id].version == closed.version
    with pytest.raises(WorkflowError):
        made.act("update_ticket", {"id": first.external_id, "status": "Rejected"}, key="story/3")
    tickets = made.lookup("recent_tickets", {"machine": "press-07", "except_ref": "TICK-2026-000009"}, timeout_s=10)
    assert first.external_id not in [one["id"] for one in tickets.values["tickets"]]
    desk.push_to("", "")
    made.close()


def news(door: FaultyRoute, made: Redmine, status: str) -> Record | None:
    """Return the newest pushed issue in a status; each push has to open the door."""
    for one in reversed(list(door.seen)):
        webhooks.verify({"scheme": "standard_webhooks"}, {"secret": SECRET}, one.headers, one.body, now=SystemClock().now())
        for record in made.parse(Delivery("rcp_1", "tickets", one.body, {}, 0), made.settings):
            if record.data["status"] == status:
                return record
    return None
