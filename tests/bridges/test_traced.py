"""Traces: what was done is told as spans that fit together, whoever tells them; a real OTLP receiver reads them."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from bridges import replay
from bridges.claims import claim
from bridges.deliver import Deliverer
from bridges.handle import Handler
from bridges.storing import Arrival, store
from bridges.traced import Tracer
from core.clock import SystemClock
from core.database import Database
from core.errors import RefusedError, SettingsError, TransientError
from core.jsons import sha256
from core.settings import Settings
from core.traces.otlp import CLOSE_S, WAITING, Otlp, make
from core.traces.outgoing import TRACEPARENT
from core.traces.spans import Span, trace_of
from core.words import Micros
from lab.collector import Collector, Told
from tests.bridges.plant import Plant

SENDER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """Give a collector; nothing is kept back for long."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    opened = Collector()
    yield opened
    opened.close()


@pytest.fixture
def traces(collector: Collector) -> Iterator[Otlp]:
    """Give the exporter to that collector."""
    made = make(collector.url, instance="test")
    assert made is not None
    yield made
    made.close()


def follow(plant: Plant, traces: Otlp, *, knows: Database | None = None) -> None:
    """Let handler and deliverer tell what they do, as of two processes; ``knows`` says what stems from what."""
    plant.handler = Handler(plant.db, plant.registered, owner="test-handler", tracer=Tracer(plant.db, plant.registered, traces))
    plant.deliverer = Deliverer(
        plant.db,
        plant.registered,
        {},
        owner="test-deliverer",
        tracer=Tracer(knows or plant.db, plant.registered, traces),
        clock=plant.clock,
        pause=lambda _: None,
        spread=lambda: 0.0,
    )


def push(plant: Plant, id_: str, traceparent: str | None = None, **more: Any) -> str:
    """Push an alert whose sender names its own span, and return the receipt."""
    thing = plant.monitoring.raise_alert(id_, **{"name": "Oil hot", "severity": 4, "machine": "press-07", **more})
    raw = orjson.dumps({"alert": thing})
    headers = {} if traceparent is None else {"traceparent": traceparent}
    with plant.db.write() as conn:
        arrival = Arrival(plant.ids["monitoring"], raw, headers)
        return store(plant.db, conn, [(arrival, sha256(raw), f"sha256:{sha256(raw)}")])[0].receipt


def one(told: list[Told]) -> Told:
    """Return the only one."""
    assert len(told) == 1, [span.name for span in told]
    return told[0]


def test_one_delivery_is_one_tree(plant: Plant, collector: Collector, traces: Otlp) -> None:
    """Delivery, event, decision, action and attempt hang together; the trace is the first event's id, a span is its row's."""
    follow(plant, traces)
    receipt = plant.push_alert("7001")
    plant.work()
    traces.close()
    spans = [span for span in collector.spans if span.trace == f"{trace_of(receipt):032x}"]
    root = one([span for span in spans if span.name == "delivery monitoring"])
    event = one([span for span in spans if span.name == "event alert.created"])
    decision = one([span for span in spans if span.name == "decision alert-to-ticket"])
    actions = {span.name: span for span in spans if span.name.startswith("action ")}
    attempts = {span.name: span for span in spans if span.kind == "client"}
    assert (root.parent, root.kind, root.id) == ("", "server", receipt[-16:])
    assert event.about["tieline.event"] == f"evt_{event.trace}"
    assert (event.parent, event.id) == (root.id, event.trace[-16:])
    assert (decision.parent, decision.about["tieline.verdict"]) == (event.id, "fired")
    assert actions.keys() == {"action alert-to-ticket/ticket", "action alert-to-ticket/ack"}
    assert {span.parent for span in actions.values()} == {decision.id}
    assert attempts.keys() == {"tickets create_ticket", "monitoring acknowledge"}
    assert attempts["tickets create_ticket"].parent == actions["action alert-to-ticket/ticket"].id
    assert attempts["monitoring acknowledge"].parent == actions["action alert-to-ticket/ack"].id
    assert all(span.about["tieline.outcome"] == "done" and span.error is None for span in attempts.values())
    assert root.began <= event.began <= event.ended <= root.ended
    assert {span.resource["service.name"] for span in spans} == {"tieline"}


def test_a_decision_against_it_is_told_with_its_clause(plant: Plant, collector: Collector, traces: Otlp) -> None:
    """Why nothing happened stands in the trace too."""
    follow(plant, traces)
    plant.push_alert("7001", severity=1)
    plant.work()
    traces.close()
    told = one(collector.named("decision "))
    assert (told.about["tieline.verdict"], told.about["tieline.clause"]) == ("not_matched", "alert.severity >= 3")


def test_what_is_told_holds_nothing_of_a_body(plant: Plant, collector: Collector, traces: Otlp) -> None:
    """Ids, names and codes: neither what a record says nor what a far side answers."""
    follow(plant, traces)
    plant.push_alert("7001", name="Secret-of-the-body", machine="Secret-machine")
    refused = RefusedError("Secret what.", why="Secret why.", fix="Secret fix.", foreign="Secret-foreign-words")
    plant.monitoring.script("acknowledge", fail=refused)
    plant.work()
    traces.close()
    assert collector.spans
    assert b"Secret" not in bytes(collector.raw)


@pytest.mark.parametrize("flags", ["01", "00"])
def test_the_sender_s_trace_goes_on(plant: Plant, collector: Collector, traces: Otlp, flags: str) -> None:
    """Its span is the parent of ours; calls carry its trace on; one that is not recorded by its will is not by ours."""
    follow(plant, traces)
    carried: list[str | None] = []
    plant.tickets.clock = Listening(carried)
    push(plant, "7001", SENDER + flags)
    plant.work()
    traces.close()
    [header] = set(carried)
    assert header is not None
    version, trace, span, sampled = header.split("-")
    assert (version, trace, sampled) == ("00", SENDER[3:35], flags)
    ours = [told for told in collector.spans if told.trace == SENDER[3:35]]
    if flags == "00":
        assert ours == []
        return
    assert one([told for told in ours if told.name.startswith("delivery")]).parent == SENDER[36:52]
    assert one([told for told in ours if told.name == "tickets create_ticket"]).id == span


def test_a_header_that_names_nothing_begins_a_trace(plant: Plant, collector: Collector, traces: Otlp) -> None:
    """What W3C calls invalid is as good as none."""
    follow(plant, traces)
    receipt = push(plant, "7001", "00-00000000000000000000000000000000-00f067aa0ba902b7-01")
    plant.work()
    traces.close()
    assert one(collector.named("delivery")).trace == f"{trace_of(receipt):032x}"


def test_a_replay_is_a_trace_of_its_own_and_names_its_origin(plant: Plant, collector: Collector, traces: Otlp) -> None:
    """What it decides anew stands in the new trace; the link leads to the first."""
    follow(plant, traces)
    receipt = push(plant, "7001", SENDER + "01")
    plant.work()
    replay.run(plant.db, replay.Choice(id=receipt), by="test")
    plant.work()
    traces.close()
    first, again = one(collector.named("delivery")), one(collector.named("replay"))
    assert again.trace not in (first.trace, f"{trace_of(receipt):032x}")
    assert again.links == [f"{first.trace}-{first.id}"]
    events = {span.trace: span for span in collector.named("event alert.created")}
    assert events.keys() == {first.trace, again.trace}
    assert (events[again.trace].parent, events[again.trace].about["tieline.run"]) == (again.id, 1)
    assert {span.trace for span in collector.named("decision")} == {first.trace, again.trace}


def test_an_attempt_that_failed_says_so_and_the_next_stands_beside_it(plant: Plant, collector: Collector, traces: Otlp) -> None:
    """Each attempt is a span of its own beneath the action, with the code of what went wrong."""
    follow(plant, traces)
    busy = TransientError("It is busy.", why="Maintenance.", fix="None needed.")
    plant.tickets.script("create_ticket", fail=busy)
    plant.push_alert("7001")
    plant.work()
    plant.clock.move(3600)
    plant.work()
    traces.close()
    tried = sorted(collector.named("tickets create_ticket"), key=lambda span: span.about["tieline.attempt"])
    assert [span.about["tieline.outcome"] for span in tried] == ["failed", "done"]
    assert tried[0].error == tried[0].about["error.type"]
    assert tried[0].parent == tried[1].parent
    assert tried[0].id != tried[1].id


def test_who_takes_over_tells_what_a_lost_worker_left(plant: Plant, collector: Collector, traces: Otlp) -> None:
    """The attempt of a worker that was killed is told by the one that takes over, beneath the same action."""
    follow(plant, traces)
    plant.push_alert("7001")
    plant.handler.run()
    [lost] = claim(plant.db, "gone:1", limit=10, lease_s=15)
    plant.clock.move(16)
    plant.work()
    traces.close()
    told = {span.about["tieline.outcome"]: span for span in collector.named("tickets create_ticket")}
    assert told.keys() == {"lost", "done"}
    assert told["lost"].about["tieline.worker"] == "gone:1"
    assert told["lost"].parent == told["done"].parent == lost.id[-16:]


def test_what_is_rolled_back_is_not_told(plant: Plant, collector: Collector, traces: Otlp) -> None:
    """A dry run leaves no trace, in both senses."""
    follow(plant, traces)
    receipt = plant.push_alert("7001")
    plant.work()
    traces.close()
    before = len(collector.spans)
    assert replay.plan(plant.db, plant.registered, replay.Choice(id=receipt)).decisions
    assert len(collector.spans) == before


def test_a_sampled_share_is_whole_traces(plant: Plant, collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenTelemetry's sampler decides by the trace, so each is told whole or not at all, by every process."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    traces = Otlp(collector.url, instance="test")
    follow(plant, traces)
    for n in range(40):
        plant.push_alert(f"7{n:03}")
    plant.work()
    traces.close()
    trees: dict[str, set[str]] = {}
    for span in collector.spans:
        trees.setdefault(span.trace, set()).add(span.name.split(" ")[0])
    assert 5 < len(trees) < 35
    assert {frozenset(names) for names in trees.values()} == {
        frozenset({"delivery", "event", "decision", "action", "tickets", "monitoring"})
    }


def test_a_collector_that_is_away_stops_nobody(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work goes on as if nobody listened, and the end waits for the collector no longer than it says."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        traces = Otlp(f"http://127.0.0.1:{nobody.getsockname()[1]}", instance="test")
        follow(plant, traces)
        for n in range(10):
            plant.push_alert(f"7{n:03}")
        plant.work()
        assert {row["state"] for row in plant.actions} == {"done"}
        began = time.monotonic()
        traces.close()
        assert time.monotonic() - began < CLOSE_S + 1


def test_telling_that_fails_costs_no_work(plant: Plant, traces: Otlp, caplog: pytest.LogCaptureFixture) -> None:
    """When it cannot be found out where an action stands, it is done all the same, untold, and the log says so."""
    away = Database("postgresql+psycopg://nobody@127.0.0.1:1/away")
    follow(plant, traces, knows=away)
    plant.push_alert("7001")
    plant.work()
    assert {row["state"] for row in plant.actions} == {"done"}
    assert "could not be told" in caplog.text
    away.close()


def test_what_waits_too_long_is_left_out_and_said_once(traces: Otlp, caplog: pytest.LogCaptureFixture) -> None:
    """When the collector does not keep up, new work is left out and counted: the caller never waits, memory never grows."""
    begun, go = threading.Event(), threading.Event()

    def slow() -> list[Span]:
        begun.set()
        go.wait(10)
        return []

    traces.later(slow)
    assert begun.wait(10)
    for _ in range(WAITING + 5):
        traces.later(list)
    go.set()
    assert traces.left_out == 5
    assert caplog.text.count("does not keep up") == 1


def test_the_standard_variables_are_heard(collector: Collector, monkeypatch: pytest.MonkeyPatch, plant: Plant) -> None:
    """Address, headers, compression and resource come from OTEL_… variables; one of them switches everything off."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team=plant")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=works-2,service.name=gateway-2")
    traces = make("otlp", instance="host:1")
    assert traces is not None
    follow(plant, traces)
    plant.push_alert("7001")
    plant.work()
    traces.close()
    assert {(head["x-team"], head["content-encoding"]) for head in collector.headers} == {("plant", "gzip")}
    resource = collector.spans[0].resource
    assert (resource["service.name"], resource["deployment.environment"]) == ("gateway-2", "works-2")
    assert resource["service.instance.id"] == "host:1"
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert make("otlp", instance="host:1") is None


def test_settings_name_what_is_wrong() -> None:
    """An address that is none and a protocol that is not spoken are faults at the start."""
    with pytest.raises(SettingsError, match="cannot start") as refused:
        Settings.from_env({"TIELINE_TRACES": "collector:4318", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
    assert "'collector:4318' is neither otlp nor an address" in refused.value.why
    assert "OTEL_EXPORTER_OTLP_PROTOCOL='grpc' is not spoken here" in refused.value.why
    assert Settings.from_env({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}).traces == ""


def test_off_costs_nothing(tmp_path: Path) -> None:
    """Without the setting a worker's parts are made, and nothing of OpenTelemetry is loaded."""
    script = (
        "import sys, celery_app; from core.database import Database; from core.migrations import upgrade;"
        "db = Database(celery_app._settings.database_url); upgrade(db); celery_app.parts();"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    env = {"TIELINE_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    root = Path(__file__).parents[2]
    ran = subprocess.run([sys.executable, "-c", script], cwd=root, env=env, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


class Listening(SystemClock):
    """A far side's clock: whenever it changes something, it notes what the call that made it do so carries."""

    def __init__(self, carried: list[str | None]) -> None:
        self._carried = carried

    def now(self) -> Micros:
        """Return the time, as any clock does."""
        self._carried.append(TRACEPARENT.get())
        return super().now()
