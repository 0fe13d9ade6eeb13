"""
The embedded bell: kombu's transport over a folder in the home, heard at once and without polling.

A ring is a file named after its queue and task, so that many rings that nobody has heard yet are one. Who rings also
writes a byte into a named pipe that the workers of its queue wait at. A ring is seen whole or not at all, of several workers
the one that removes the file has it, and a lost one costs a second, because the sweeper looks anyway.
"""

from __future__ import annotations

import os
import select
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any

import orjson
from kombu.exceptions import ChannelError
from kombu.transport import TRANSPORT_ALIASES, virtual

LONGEST_WAIT_S = 0.5
"""How long a listener waits for the pipe before it looks into the folder by itself."""
POLL_S = 0.02
"""The same on systems without named pipes."""

TRANSPORT_ALIASES["bell"] = f"{__name__}:BellTransport"


def options(home: Path) -> dict[str, Any]:
    """Return kombu's options of the bell in this home, and make its folder."""
    folder = home / "bell"
    folder.mkdir(parents=True, exist_ok=True)
    return {"folder": str(folder)}


def is_rung(home: Path, queue: str, task: str) -> bool:
    """Say whether this task is rung already and nobody has heard it yet: then another ring would say the same."""
    return _place(home / "bell", queue, task).exists()


def _place(folder: Path, queue: str, task: str) -> Path:
    return folder / f"{queue}~{task}.ring"


class BellChannel(virtual.Channel):
    """Rings as files."""

    do_restore = False
    supports_fanout = False
    _last = ""

    @property
    def folder(self) -> Path:
        """Where the rings are."""
        return Path(self.connection.client.transport_options["folder"])

    def _put(self, queue: str, message: Any, **_: Any) -> None:
        """Write beside, then move in: a rename is one step."""
        task = message.get("headers", {}).get("task") or uuid.uuid4().hex
        place = _place(self.folder, queue, task)
        beside = place.with_suffix(f".{uuid.uuid4().hex}")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(orjson.dumps(message))
            beside.rename(place)
        except OSError as error:
            with suppress(OSError):
                beside.unlink()
            raise ChannelError(f"Cannot ring: {error}") from error
        _wake(self.folder, queue)

    def _get(self, queue: str, timeout: Any = None) -> Any:
        """Take a ring, in turn; what cannot be read is dropped, for the sweeper looks anyway."""
        names = self._rings(queue)
        for name in [*(one for one in names if one > self._last), *(one for one in names if one <= self._last)]:
            try:
                ring = (self.folder / name).read_bytes()
                (self.folder / name).unlink()
                self._last = name
                return orjson.loads(ring)
            except (OSError, ValueError):
                with suppress(OSError):
                    (self.folder / name).unlink()
        raise Empty

    def _size(self, queue: str) -> int:
        return len(self._rings(queue))

    def _purge(self, queue: str) -> int:
        names = self._rings(queue)
        for name in names:
            with suppress(OSError):
                (self.folder / name).unlink()
        return len(names)

    def _rings(self, queue: str) -> list[str]:
        """List the rings of a queue; a folder that `serve` is just making anew is empty."""
        try:
            with os.scandir(self.folder) as found:
                return sorted(one.name for one in found if one.name.startswith(f"{queue}~") and one.name.endswith(".ring"))
        except FileNotFoundError:
            return []

    def get_table(self, exchange: str) -> list[Any]:
        """Return the one way there is: a ring goes to the queue that is named like its exchange."""
        return [(exchange, "", exchange)]

    def _queue_bind(self, *_: Any) -> None:
        """Write nothing down."""


class BellTransport(virtual.Transport):
    """kombu's virtual transport, waiting at a pipe instead of asleep."""

    Channel = BellChannel
    driver_type = "bell"
    driver_name = "bell"
    implements = virtual.Transport.implements.extend(asynchronous=False, exchange_type=frozenset(["direct"]))

    def __init__(self, client: Any, **kwargs: Any) -> None:
        super().__init__(client, **kwargs)
        self._pipes: dict[str, int] = {}

    def driver_version(self) -> str:
        """Say what this is, where kombu asks."""
        return "1"

    def drain_events(self, connection: Any, timeout: float | None = None, **_: Any) -> None:
        """Hand on one ring; wait for one as long as asked."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                self.cycle.get(self._deliver, timeout=timeout)  # type: ignore[union-attr] # it has one while it is open
            except Empty:
                left = LONGEST_WAIT_S if until is None else min(LONGEST_WAIT_S, until - time.monotonic())
                if left <= 0:
                    raise TimeoutError from None
                self._listen(Path(self.client.transport_options["folder"]), left)  # type: ignore[union-attr] # as above
            else:
                return

    def _listen(self, folder: Path, seconds: float) -> None:
        """Wait until somebody rings for one of our queues, or the time is up."""
        queues = {queue for channel in self.channels for queue in channel._active_queues}
        if queues != self._pipes.keys():
            self._close_pipes()
            self._pipes = {queue: _open_pipe(folder, queue) for queue in queues}
            return  # who rang before they were there is in the folder
        if not queues or not all(_is_here(folder, queue, pipe) for queue, pipe in self._pipes.items()):
            time.sleep(min(POLL_S, seconds))
            self._close_pipes()
            return
        for pipe in select.select(list(self._pipes.values()), [], [], seconds)[0]:
            with suppress(BlockingIOError):
                os.read(pipe, 4096)

    def close_connection(self, connection: Any) -> None:
        """Let go of the pipes too."""
        self._close_pipes()
        super().close_connection(connection)

    def _close_pipes(self) -> None:
        for pipe in self._pipes.values():
            if pipe >= 0:
                os.close(pipe)
        self._pipes = {}


def _pipe(folder: Path, queue: str) -> Path:
    return folder / f"{queue}.pipe"


def _open_pipe(folder: Path, queue: str) -> int:
    """Open the pipe for listening, made if it is not there; -1 where there are no pipes."""
    if sys.platform == "win32":
        return -1
    path = _pipe(folder, queue)
    try:
        with suppress(FileExistsError):
            os.mkfifo(path, 0o600)
        return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)  # for writing too: it never ends then
    except OSError:
        return -1


def _is_here(folder: Path, queue: str, pipe: int) -> bool:
    """Say whether the pipe that we wait at is still the one in the folder: a new `serve` makes the folder anew."""
    try:
        return pipe >= 0 and os.path.samestat(os.fstat(pipe), _pipe(folder, queue).stat())
    except OSError:
        return False


def _wake(folder: Path, queue: str) -> None:
    """Wake one listener, if one waits; a full pipe says so already."""
    if sys.platform == "win32":
        return
    with suppress(OSError):
        pipe = os.open(_pipe(folder, queue), os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            os.write(pipe, b".")
        finally:
            os.close(pipe)
