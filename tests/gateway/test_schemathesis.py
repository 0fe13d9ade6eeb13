"""Any request that the document allows, and many that it forbids: no 500, no undocumented answer, no silent acceptance."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings, strategies
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks as laws

from core.clock import FixedClock
from core.database import Database
from core.migrations import upgrade
from gateway.api import SUBJECTS
from gateway.openapi import document
from tests.gateway.ground import Ground, make_ground

LAWS = [
    laws.status_code_conformance,  # 500 stands in no operation's document, 503 (a shut door, a busy store) does
    laws.content_type_conformance,
    laws.response_schema_conformance,
    laws.negative_data_rejection,
    laws.unsupported_method,
    laws.ignored_auth,
]


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Give one Tieline that has lived: what is asked for may exist, and every list has rows."""
    home = tmp_path_factory.mktemp("fuzzed")
    clock = FixedClock()
    database = Database(f"sqlite:///{home / 'tieline.db'}", clock=clock)
    upgrade(database)
    made = make_ground(database, home, clock)
    made.story()
    yield made
    made.close()
    database.close()


@pytest.fixture(scope="module")
def api(ground: Ground) -> Any:
    return schemathesis.openapi.from_wsgi("/openapi.json", ground.app)


@pytest.fixture(scope="module")
def known(ground: Ground) -> dict[str, dict[str, Any]]:
    """Give names of things that are there, by the part of the path or the member of the body that means them."""
    event = ground.ok("GET", "/events?type=alert.created")["items"][0]
    action = ground.ok("GET", "/actions")["items"][0]
    snapshot = ground.ok("POST", "/snapshots", {"recipe": "alert-context", "subject": event["master_id"]})
    alert, device, ticket = event["master_id"], "DEV-2026-000001", "TICK-2026-000001"
    return {
        "/connectors/": {"name": "monitoring", "stream": "alerts"},
        "/kinds/": {"name": "memory"},
        "/events/": {"id": event["receipt"]},
        "/actions/": {"id": action["id"]},
        "/snapshots/": {"id": snapshot["id"]},
        "/entities/": {"master_id": alert},
        "/lineage/values/": {"master_id": alert, "field": "priority"},
        "/lineage/fields/": {"field": "alert.priority"},
        "/definitions/": {"kind": "bridge", "name": "alert-to-ticket"},
        "/identity/": {"one": alert, "other": device, "master_id": ticket, "connector": "tickets", "edge_id": "1"},
        "/connectors": {"kind": "memory", "settings": {"world": "fuzzed"}},
        "/snapshots": {"recipe": "alert-context", "subject": alert},
        "/keys": {"scopes": ["read"]},
        "/replay/": {"id": event["id"], "connector": "monitoring"},
        "/in/": {"connector": "monitoring"},
    }


def aim(case: Any, known: dict[str, dict[str, Any]], *, inside: bool) -> None:
    """Let a made-up case meet things that are there."""
    place = max((one for one in known if one in case.operation.path), key=len, default=None)
    if place is None:
        return
    for name, value in known[place].items():
        if name in case.path_parameters:
            case.path_parameters[name] = value
        if inside and isinstance(case.body, dict) and (name in case.body or name in ("kind", "settings")):
            case.body[name] = value


PATHS = document(SUBJECTS)["paths"]
PLACES = [
    (path, method, mode)
    for path, item in PATHS.items()
    for method in item
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    if not (path.startswith("/in/") and mode is GenerationMode.NEGATIVE)  # a door takes any bytes: none are wrong
]


@pytest.mark.parametrize(("path", "method", "mode"), PLACES, ids=str)
def test_every_operation_keeps_its_word(
    api: Any, ground: Ground, known: dict[str, dict[str, Any]], path: str, method: str, mode: GenerationMode
) -> None:
    """Whatever comes in, the answer is one that the document names, in the form that it names."""
    operation = api[path][method]

    @given(case=operation.as_strategy(generation_mode=mode), meets_something=strategies.booleans())
    @settings(max_examples=8, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    def keeps_it(case: Any, meets_something: bool) -> None:
        if meets_something:
            aim(case, known, inside=mode is GenerationMode.POSITIVE)
        case.call_and_validate(headers={"Authorization": f"Bearer {ground.key}"}, checks=LAWS)

    keeps_it()


def test_the_fuzzed_tieline_still_adds_up(ground: Ground) -> None:
    """After all that, nothing is missing."""
    assert ground.ok("GET", "/accounting")["holds"] is True


def test_the_fuzzed_one_lives_in_a_folder_of_its_own(ground: Ground) -> None:
    """Nothing was written outside its home."""
    assert Path(ground.parts.settings.home).name.startswith("fuzzed")
