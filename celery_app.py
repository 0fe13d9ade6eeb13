"""
What runs when nobody is asking? The tasks: each only means "look now"; the rows are the truth.

A task carries nothing and keeps nothing: it claims due rows and works them off. Whoever adds rows
rings; the sweeper (beat) looks again each second, so a lost ring costs a second and never a row.
The same tasks serve the embedded bell (a folder), Redis and RabbitMQ. This module is a composition
root: the one place besides the gateway that chooses the real parts.
"""

from __future__ import annotations

import gc
import logging
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from celery import Celery
from celery.signals import worker_process_init, worker_ready, worker_shutting_down

from bell import brokers, folder
from bell.guards import free_slot_always
from bell.rings import Bell, OneAtATime
from core.clock import SECOND
from core.settings import Settings
from core.words import Micros

if TYPE_CHECKING:
    from bridges.deliver import Deliverer
    from bridges.handle import Handler
    from bridges.polls import Poller
    from bridges.registered import Registered
    from core.database import Database

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
    healer: Callable[[Callable[[], None]], int]
    mend: Callable[[], int]
    waited: Callable[[], dict[str, float]]
    keep: Callable[[], object]
    next_due: Callable[[Any], int | None]
    seen: Seen


_making = threading.Lock()
_made: list[Parts] = []


def parts() -> Parts:
    """Return the real parts of this process, made at the first task, after any fork."""
    with _making:
        if not _made:
            _made.append(_make_parts(Settings.from_env()))
            gc.freeze()  # what was loaded stays: the collector need not look at it again and again
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
    from bridges.plan import SNAPSHOT
    from bridges.polls import Poller
    from bridges.registered import Registered
    from connectors.registry import add_folder, connector_class
    from core.database import Database
    from core.secrets import Vault
    from snapshots.act import snapshot_act
    from snapshots.note import Language

    add_folder(Path(settings.kinds_folder))
    db = Database(settings.database_url)
    registered = Registered(db, Vault(settings.folder / "secret.key"), connector_class)
    policy = retention.Policy(settings.live_days, settings.archive_days, settings.dedupe_days)
    owner = f"{socket.gethostname()}:{os.getpid()}"
    language: Language = "zh" if settings.language == "zh" else "en"
    own_acts = {SNAPSHOT: snapshot_act(db, registered.open, settings.public_url, language, settings.time_zone)}
    return Parts(
        db,
        registered,
        Handler(db, registered, owner=owner),
        Deliverer(db, registered, own_acts, owner=owner, lease_s=settings.lease_s),
        Poller(db, registered, owner=owner),
        lambda then: (
            heal_held(db, registered, then=then) + escalate_late(db) + len(forget_dead(db)) + warn_of_endings(db, registered)
        ),
        lambda: release_mended(db, registered),
        lambda: _waited(db),
        lambda: retention.run(db, policy),
        next_due,
        Seen(),
    )


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
        lambda: max(made.waited().values()),
        lambda: made.handler.progress + made.deliverer.progress + made.poller.progress,
        heartbeat=_settings.folder / f"worker-{os.getpid()}.pulse",
    ).start()
    for task in ("tieline.sweep", "tieline.heal"):
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


def _ring(task: str) -> None:
    """Ring a task, unless it is rung already and nobody has heard it yet."""
    if not (_settings.embedded and folder.is_rung(_settings.folder, _settings.queue, task)):
        app.send_task(task, retry=False)


ring_handle = Bell(lambda: _ring("tieline.handle"))
ring_deliver = Bell(lambda: _ring("tieline.deliver"))


def _deliver_on() -> None:
    """Have what was just added delivered: by whoever delivers here already, else by whoever hears the bell."""
    if _deliver.nudge():
        parts().deliverer.nudge()
    else:
        ring_deliver()


_handle = OneAtATime(lambda: parts().handler.run(then=_deliver_on))
_deliver = OneAtATime(lambda: parts().deliverer.run())
_poll = OneAtATime(lambda: parts().poller.run(then=ring_handle))
_keep = OneAtATime(lambda: parts().keep())
_heal = OneAtATime(lambda: parts().healer(ring_deliver))


@app.task(name="tieline.handle")
def handle() -> None:
    """Handle waiting deliveries until none is due."""
    _handle()


@app.task(name="tieline.deliver")
def deliver() -> None:
    """Work off due actions until none is due."""
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

    with parts().db.read() as conn:
        now = parts().db.now(conn)
        due = parts().next_due(conn)
        published = generation(conn)
    seen = parts().seen
    if published != seen.generation:
        parts().mend()
        seen.generation, seen.mend_again_at = published, now + MEND_AGAIN_S * SECOND
    elif seen.mend_again_at is not None and now >= seen.mend_again_at:
        parts().mend()
        seen.mend_again_at = None
    if parts().handler.is_due():
        handle()
    if due is not None and due <= now:
        deliver()
