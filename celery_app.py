"""
What runs when nobody is asking? The tasks: each only means "look now"; the rows are the truth.

A task carries nothing and keeps nothing: it claims due rows and works them off. Whoever adds rows
rings; the sweeper (beat) looks again each second, so a lost ring costs a second and never a row.
The same tasks serve the embedded bell (a folder), Redis and RabbitMQ. This module is a composition
root: the one place besides the gateway that chooses the real parts.
"""

from __future__ import annotations

import gc
import importlib
import logging
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from celery import Celery
from celery.signals import worker_process_init, worker_ready, worker_shutdown, worker_shutting_down

from bell import brokers, folder
from bell.guards import free_slot_always
from bell.rings import Bell, OneAtATime
from core.clock import SECOND
from core.heap import Tidy
from core.settings import Settings
from core.words import Micros

if TYPE_CHECKING:
    from bridges.deliver import Deliverer
    from bridges.handle import Handler
    from bridges.polls import Poller
    from bridges.registered import Registered
    from bridges.traced import Tracer
    from core.database import Database
    from snapshots.late import Late

log = logging.getLogger("tieline.engine")


def make_app(settings: Settings) -> Celery:
    """Build the Celery application; every setting is argued in docs/why/one-engine.md."""
    made = Celery("tieline")
    made.conf.update(
        **brokers.of(settings),
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_acks_on_failure=True,
        task_acks_on_timeout=True,
        task_serializer="json",
        accept_content=["json"],
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        task_send_sent_event=False,
        beat_schedule_filename=str(settings.folder / "beat"),
        beat_schedule={
            "sweep": {"task": "tieline.sweep", "schedule": 1.0},
            "poll": {"task": "tieline.poll", "schedule": 1.0},
            "heal": {"task": "tieline.heal", "schedule": 15.0},
            "keep": {"task": "tieline.keep", "schedule": 60.0},
        },
    )
    if settings.broker_url.startswith(("redis", "sentinel")):
        free_slot_always()
    return made


_settings = Settings.from_env()
app = make_app(_settings)

DUTIES = ("handle", "deliver")
"""What a worker may be there for: all that looks and writes, or all that sends. By default it is for both."""

_WAITS_FOR = {"deliveries": "handle", "polls": "handle", "actions": "deliver"}

GC = (20_000, 10, 10)
"""A batch makes tens of thousands of small objects that all end with it: by default the collector looks through them a
hundred times while the write lock is held (a tenth of handling, measured)."""
MEND_AGAIN_S = 10
"""A batch that began before a publish may hold rows after it by the old definitions: they are looked at once more."""


@dataclass(slots=True)
class Seen:
    """What this process has noticed."""

    generation: int = -1
    mend_again_at: Micros | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """What the tasks of one process work with."""

    db: Database
    registered: Registered
    handler: Handler
    deliverer: Deliverer
    poller: Poller
    late: Late
    healer: Callable[[Callable[[], None]], int]
    mend: Callable[[], int]
    waited: Callable[[], dict[str, float]]
    keep: Callable[[], object]
    next_due: Callable[[Any], int | None]
    seen: Seen
    tracer: Tracer | None


_making = threading.Lock()
_made: list[Parts] = []
_PARTS = ("bridges.retention", "bridges.deliver", "bridges.heal", "bridges.polls", "bridges.progress", "snapshots.act")
_CELERY = ("celery.apps.beat", "celery.bin.worker", "celery.concurrency.thread", "celery.worker.consumer")
_duties: set[str] = set(DUTIES)


def take(*duties: str) -> None:
    """Be there for these duties only (none named: for all), before the worker of this process begins."""
    _duties.clear()
    _duties.update(duties or DUTIES)


def queues() -> list[str]:
    """Return the names of the queues that the worker of this process hears."""
    looking, sending = app.conf.task_queues
    return [queue.name for duty, queue in zip(DUTIES, (looking, sending), strict=True) if duty in _duties]


def load() -> None:
    """Load what the parts and the worker consist of, without making any: for a process that forks those who work."""
    for name in (*_PARTS, *_CELERY, "connectors.registry"):
        importlib.import_module(name)


def parts() -> Parts:
    """Return the real parts of this process, made at the first task, after any fork."""
    with _making:
        if not _made:
            _made.append(_make_parts(Settings.from_env()))
            gc.freeze()  # what was loaded stays: the collector need not look at it again and again
            gc.set_threshold(*GC)
        return _made[0]


def _make_parts(settings: Settings) -> Parts:
    """Load the rooms and put them together; beat and who only rings never get here, so they stay small."""
    from pathlib import Path

    from bridges import retention
    from bridges.claims import forget_dead, next_due
    from bridges.deliver import Deliverer
    from bridges.endings import warn_of_endings
    from bridges.handle import Handler
    from bridges.heal import escalate_late, heal_held, release_mended
    from bridges.loops import Guards, let_go_on
    from bridges.plan import SNAPSHOT
    from bridges.polls import Poller
    from bridges.registered import Registered
    from connectors.registry import add_folder, connector_class
    from core.database import Database
    from core.secrets import Vault
    from snapshots.act import snapshot_act
    from snapshots.late import Late
    from snapshots.note import Language

    add_folder(Path(settings.kinds_folder))
    db = Database(settings.database_url)
    registered = Registered(db, Vault(settings.folder / "secret.key"), connector_class)
    policy = retention.Policy(settings.live_days, settings.archive_days, settings.dedupe_days)
    owner = f"{socket.gethostname()}:{os.getpid()}"
    tracer = _make_tracer(settings, db, registered, owner)
    language: Language = "zh" if settings.language == "zh" else "en"
    guards = Guards(settings.hops, settings.writes)

    def heal(then: Callable[[], None]) -> int:
        if freed := let_go_on(db, guards):
            then()
        healed = heal_held(db, registered, then=then) + escalate_late(db) + len(forget_dead(db))
        return freed + healed + warn_of_endings(db, registered)

    late = Late(db, registered.open, owner=owner)
    own_acts = {SNAPSHOT: snapshot_act(db, registered.open, settings.public_url, language, settings.time_zone, late)}
    return Parts(
        db,
        registered,
        Handler(db, registered, owner=owner, guards=guards, tracer=tracer),
        Deliverer(db, registered, own_acts, owner=owner, lease_s=settings.lease_s, tracer=tracer),
        Poller(db, registered, owner=owner),
        late,
        heal,
        lambda: release_mended(db, registered),
        lambda: _waited(db),
        lambda: retention.run(db, policy),
        next_due,
        Seen(),
        tracer,
    )


def _make_tracer(settings: Settings, db: Database, registered: Registered, owner: str) -> Tracer | None:
    """Return who tells what is done as spans; OpenTelemetry is loaded only when they are asked for."""
    if not settings.traces:
        return None
    from bridges.traced import Tracer
    from core.traces import otlp

    traces = otlp.make(settings.traces, instance=owner, pause=db.after_writers)
    return None if traces is None else Tracer(db, registered, traces)


def _waited(db: Database) -> dict[str, float]:
    from bridges.progress import oldest_unclaimed

    with db.read() as conn:
        return oldest_unclaimed(conn, db.now(conn))


@worker_process_init.connect
def _forget_parts(**_: Any) -> None:
    """A forked child makes its own connections."""
    _made.clear()


@worker_ready.connect
def _begin_work(sender: Any = None, **_: Any) -> None:
    """Watch over this worker, and look at once: who was here before may have left work behind."""
    from bell.watch import Watch

    made = parts()
    _declare_dead_rings()
    Watch(
        lambda: max(waited for kind, waited in made.waited().items() if _WAITS_FOR[kind] in _duties),
        lambda: made.handler.progress + made.deliverer.progress + made.poller.progress,
        heartbeat=_settings.folder / f"worker-{os.getpid()}.pulse",
    ).start()
    for task in ("tieline.sweep", "tieline.heal") if "handle" in _duties else (brokers.SENDING,):
        app.send_task(task, retry=False)


def _declare_dead_rings() -> None:
    queue = brokers.dead_rings(_settings)
    if queue is not None:
        with app.connection_for_write() as connection:
            queue(connection.default_channel).declare()


@worker_shutting_down.connect
def _stop_looking(**_: Any) -> None:
    """Told to stop: what is begun is finished, nothing new is begun."""
    for made in _made:
        made.handler.stop()
        made.deliverer.stop()


@worker_shutdown.connect
def _let_go(**_: Any) -> None:
    """Everything begun is finished: what this process still waits for behind the tickets' backs is left to the others."""
    for made in _made:
        made.late.stop()
        if made.tracer is not None:
            made.tracer.close()  # a forked process ends without the interpreter's own farewells


def _ring(task: str) -> None:
    """Ring a task, unless it is rung already and nobody has heard it yet."""
    if not (_settings.embedded and folder.is_rung(_settings.folder, brokers.queue_of(_settings, task), task)):
        app.send_task(task, retry=False)


ring_handle = Bell(lambda: _ring("tieline.handle"))
ring_deliver = Bell(lambda: _ring(brokers.SENDING))


def _deliver_on() -> None:
    """Have what was just added delivered: by whoever delivers here already, else by whoever hears the bell."""
    if _deliver.nudge():
        parts().deliverer.nudge()
    else:
        ring_deliver()


_tidy = Tidy()


def _worked_off(count: int) -> None:
    """What a burst left is free now."""
    if count:
        _tidy()


_handle = OneAtATime(lambda: _worked_off(parts().handler.run(then=_deliver_on)))
_deliver = OneAtATime(lambda: _worked_off(parts().deliverer.run()))
_poll = OneAtATime(lambda: parts().poller.run(then=ring_handle))
_keep = OneAtATime(lambda: parts().keep())
_heal = OneAtATime(lambda: parts().healer(ring_deliver))


@app.task(name="tieline.handle")
def handle() -> None:
    """Handle waiting deliveries until none is due."""
    _handle()


@app.task(name=brokers.SENDING)
def deliver() -> None:
    """Work off due actions until none is due; whoever does so already looks again at once."""
    if _deliver.nudge():
        parts().deliverer.nudge()
    else:
        _deliver()


@app.task(name="tieline.poll")
def poll() -> None:
    """Poll every stream that is due."""
    _poll()


@app.task(name="tieline.heal")
def heal() -> None:
    """Check what a repair holds, release what works again, and tell of urgent actions that are late."""
    _heal()


@app.task(name="tieline.keep")
def keep() -> None:
    """Archive what has ended for long, and prune what was archived for long."""
    _keep()


@app.task(name="tieline.sweep")
def sweep() -> None:
    """Look whether anything is due, whoever forgot to ring, and whether something new was published."""
    from core.definitions import generation  # beat loads this module too, and needs no database
    from snapshots.late import is_due

    with parts().db.read() as conn:
        now = parts().db.now(conn)
        due = parts().next_due(conn)
        published = generation(conn)
        missing = is_due(conn, now)
    seen = parts().seen
    if published != seen.generation:
        parts().mend()
        seen.generation, seen.mend_again_at = published, now + MEND_AGAIN_S * SECOND
    elif seen.mend_again_at is not None and now >= seen.mend_again_at:
        parts().mend()
        seen.mend_again_at = None
    if missing:
        parts().late.take_up()
    if parts().handler.is_due():
        handle()
    if due is not None and due <= now:
        _deliver_on()
