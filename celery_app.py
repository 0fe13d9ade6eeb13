"""
What runs when nobody is asking? The tasks: each only means "look now"; the rows are the truth.

A task carries nothing and keeps nothing: it claims due rows and works them off. Whoever adds rows
rings; the sweeper (beat) looks again each second, so a lost ring costs a second and never a row.
The same tasks serve the embedded bell (a folder), Redis and RabbitMQ. This module is a composition
root: the one place besides the gateway that chooses the real parts.
"""

from __future__ import annotations

import atexit
import gc
import json
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING, Any

from celery import Celery
from celery.signals import worker_process_init, worker_shutting_down
from kombu.exceptions import ChannelError
from kombu.transport import TRANSPORT_ALIASES, filesystem

from core.clock import SECOND
from core.database import Database
from core.definitions import generation
from core.secrets import Vault
from core.settings import Settings
from core.words import Micros

if TYPE_CHECKING:
    from bridges.deliver import Deliverer
    from bridges.handle import Handler
    from bridges.polls import Poller
    from bridges.registered import Registered

log = logging.getLogger("tieline.engine")

BELL_POLL_S = 0.02
"""How often the embedded bell is looked at: 12 ms median latency at under 1 % of a core (measured)."""


TRANSPORT_ALIASES["bell"] = f"{__name__}:BellTransport"


def bell_options(settings: Settings) -> dict[str, Any]:
    """Return kombu's options of the embedded bell: a folder in the home; it holds rings, never work."""
    folder = settings.folder / "bell"
    for name in ("in", "control"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    return {
        "data_folder_in": str(folder / "in"),
        "data_folder_out": str(folder / "in"),
        "control_folder": str(folder / "control"),
        "store_processed": False,
        "polling_interval": BELL_POLL_S,
    }


class WholeRings(filesystem.Channel):
    """
    The embedded bell's channel: a ring is seen whole or not at all.

    kombu's own writes a file in the reader's sight; a reader that is quicker finds it empty, and its worker ends.
    """

    def _put(self, queue: str, payload: Any, **_: Any) -> None:  # type: ignore[override]
        """Write beside, then move in: a rename is one step."""
        place = Path(self.data_folder_out) / f"{time.monotonic_ns() // 1_000_000}_{uuid.uuid4()}.{queue}.msg"
        beside = place.with_suffix(".new")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(json.dumps(payload).encode())
            beside.rename(place)
        except OSError as error:
            raise ChannelError(f"Cannot ring: {error}") from error

    def _get(self, queue: str, timeout: Any = None) -> Any:
        """
        Take the oldest ring; what cannot be read is dropped, for the sweeper looks anyway.

        Of several readers the one that removes the file has the ring. kombu moves it to the system's folder for
        temporary files: across file systems two readers may both do that, and the second ends with an error.
        """
        folder = Path(self.data_folder_in)
        for name in sorted(_names(folder)):
            if name.partition(".")[2] != f"{queue}.msg":
                continue
            try:
                ring = (folder / name).read_bytes()
                (folder / name).unlink()
                return json.loads(ring)
            except (OSError, ValueError):
                continue
        raise Empty

    def _size(self, queue: str) -> int:
        return sum(name.partition(".")[2] == f"{queue}.msg" for name in _names(Path(self.data_folder_in)))

    def get_table(self, exchange: str) -> list[Any]:
        """Return the one way there is: kombu keeps it in a file, and a process killed while it wrote that ended all others."""
        return [filesystem.exchange_queue_t(exchange, "", exchange)]

    def _queue_bind(self, *_: Any) -> None:
        """Write nothing down: a ring goes to the queue that is named like its exchange."""


def _names(folder: Path) -> list[str]:
    """List a folder; one that `serve` is just making anew is empty."""
    try:
        return [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return []


class BellTransport(filesystem.Transport):
    """kombu's transport by files, with whole rings."""

    Channel = WholeRings


def make_app(settings: Settings) -> Celery:
    """Build the Celery application; every setting is argued in docs/why/one-engine.md."""
    made = Celery("tieline")
    made.conf.update(
        broker_url=settings.broker_url or "bell://",
        broker_transport_options=bell_options(settings) if settings.embedded else {},
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_acks_on_failure_or_timeout=True,
        task_publish_retry_policy={"max_retries": 2, "interval_start": 0.1, "interval_max": 0.3},
        task_serializer="json",
        accept_content=["json"],
        task_default_queue=settings.queue,
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
        },
    )
    return made


app = make_app(Settings.from_env())

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
    from bridges.claims import next_due
    from bridges.deliver import Deliverer
    from bridges.handle import Handler
    from bridges.heal import escalate_late, heal_held, release_mended
    from bridges.plan import SNAPSHOT
    from bridges.polls import Poller
    from bridges.registered import Registered
    from connectors.registry import connector_class
    from snapshots.act import snapshot_act
    from snapshots.note import Language

    db = Database(settings.database_url)
    registered = Registered(db, Vault(settings.folder / "secret.key"), connector_class)
    owner = f"{socket.gethostname()}:{os.getpid()}"
    language: Language = "zh" if settings.language == "zh" else "en"
    own_acts = {SNAPSHOT: snapshot_act(db, registered.open, settings.public_url, language, settings.time_zone)}
    return Parts(
        db,
        registered,
        Handler(db, registered, owner=owner),
        Deliverer(db, registered, own_acts, owner=owner, lease_s=settings.lease_s),
        Poller(db, registered, owner=owner),
        lambda then: heal_held(db, registered, then=then) + escalate_late(db),
        lambda: release_mended(db, registered),
        next_due,
        Seen(),
    )


@worker_process_init.connect
def _forget_parts(**_: Any) -> None:
    """A forked child makes its own connections."""
    _made.clear()


@worker_shutting_down.connect
def _stop_looking(**_: Any) -> None:
    """Told to stop: what is begun is finished, nothing new is begun."""
    for made in _made:
        made.handler.stop()
        made.deliverer.stop()


class OneAtATime:
    """Runs a look once per process at a time; a ring during a look makes it look once more."""

    def __init__(self, look: Callable[[], object]) -> None:
        self._look, self._lock, self._again = look, threading.Lock(), threading.Event()

    def __call__(self) -> None:
        """Look now, or make sure that whoever is looking looks again."""
        self._again.set()
        while self._again.is_set() and self._lock.acquire(blocking=False):
            try:
                self._again.clear()
                self._look()
            finally:
                self._lock.release()


class Bell:
    """
    Rings a task, at most once per span: many rings within it would only say the same.

    A ring within the span is rung at its end and never dropped: the look that the one before began may have
    ended already. A thread rings, so that nobody who has rows to write waits for a broker.
    """

    def __init__(self, ring: Callable[[], object], span_s: float = 0.004) -> None:
        self._ring, self._span_s = ring, span_s
        self._asked, self._ringing, self._starting = threading.Event(), threading.Lock(), threading.Lock()
        self._ringer, self._broken = 0, False

    def __call__(self) -> None:
        """Have it rung; a bell that cannot ring is only latency, because the sweeper looks too."""
        self._asked.set()
        if self._ringer != os.getpid():  # the first ring of this process, or of a forked child
            with self._starting:
                if self._ringer != os.getpid():
                    threading.Thread(target=self._ring_on, name="bell", daemon=True).start()
                    atexit.register(self.flush)
                    self._ringer = os.getpid()

    def flush(self, timeout_s: float = 1.0) -> None:
        """Wait until what was asked for has been rung; a command that ends at once calls it at its end."""
        until = time.monotonic() + timeout_s
        while self._asked.is_set() and time.monotonic() < until:
            time.sleep(0.001)
        if self._ringing.acquire(timeout=max(0.0, until - time.monotonic())):
            self._ringing.release()

    def _ring_on(self) -> None:
        while self._asked.wait():
            with self._ringing:
                self._asked.clear()
                try:
                    self._ring()
                    self._broken = False
                except Exception as error:  # whatever a broker may raise: the sweeper looks anyway
                    log.log(logging.DEBUG if self._broken else logging.WARNING, "The bell cannot be rung: %s", error)
                    self._broken = True
            time.sleep(self._span_s)


ring_handle = Bell(lambda: app.send_task("tieline.handle", retry=False))
ring_deliver = Bell(lambda: app.send_task("tieline.deliver", retry=False))

_handle = OneAtATime(lambda: parts().handler.run(then=ring_deliver))
_deliver = OneAtATime(lambda: parts().deliverer.run())
_poll = OneAtATime(lambda: parts().poller.run(then=ring_handle))
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


@app.task(name="tieline.sweep")
def sweep() -> None:
    """Look whether anything is due, whoever forgot to ring, and whether something new was published."""
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
