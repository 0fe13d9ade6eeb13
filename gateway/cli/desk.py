"""
Where a command works: the local store, the parts, the console, and what it says in the end.

A command calls the same functions as the API, as a caller who owns the machine; so both doors
answer with the same words and the same JSON.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from core.clock import SECOND, from_rfc3339
from core.settings import Settings

if TYPE_CHECKING:  # loaded when a command needs its store: `tieline serve` only watches, and help answers at once
    from pydantic import BaseModel

    from core.database import Database
    from gateway.operations import Call
    from gateway.parts import Parts


_WIDE = 180


@dataclass(frozen=True, slots=True)
class Said:
    """What a command says: a document for programs, a way to show it to people, and the exit code."""

    document: Any
    show: Callable[[Console], None]
    code: int = 0


def plain(answer: BaseModel) -> Any:
    """Return an answer of the API as JSON."""
    return answer.model_dump(mode="json")


@dataclass
class Desk:
    """One command's place of work; everything on it is made when it is first used."""

    as_json: bool
    language: str
    console: Console = field(default_factory=lambda: _console(stderr=False))
    errors: Console = field(default_factory=lambda: _console(stderr=True))

    @cached_property
    def settings(self) -> Settings:
        """The settings of the environment."""
        return Settings.from_env()

    @cached_property
    def db(self) -> Database:
        """The store, which must be there and of this release."""
        from gateway.cli.local import open_store

        return open_store(self.settings, create=False)

    def db_to_write(self) -> Database:
        """Return the store; on a machine without one it is made, so that things can be set up before the first start."""
        if "db" not in self.__dict__:
            from gateway.cli.local import open_store

            self.db = open_store(self.settings, create=True)
        return self.db

    @cached_property
    def parts(self) -> Parts:
        """The parts that the API's functions work with."""
        from gateway.cli.local import make_parts

        return make_parts(self.settings, self.db)

    @property
    def call(self) -> Call:
        """A call of an API function by whoever owns this machine."""
        from gateway.auth import Caller
        from gateway.operations import Call

        return Call(self.parts, Caller("local", who(), frozenset({"admin"})), self.language)

    def call_to_write(self) -> Call:
        """Return the same; the store is made if it is not there."""
        self.db_to_write()
        return self.call

    def when(self, time: str | None) -> str:
        """Return a time of the API in the reader's zone, to the second."""
        if not time:
            return ""
        try:
            zone = ZoneInfo(self.settings.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            return time
        moment = datetime.fromtimestamp(from_rfc3339(time.replace("Z", "+00:00")) // SECOND, zone)
        return f"{moment:%Y-%m-%d %H:%M:%S}"

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """Show that something takes a while and how long it has taken."""
        with self._progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()) as progress:
            progress.add_task(text, total=None)
            yield

    def each(self, text: str, things: Iterable[Any]) -> Iterator[Any]:
        """Go through things with a progress bar."""
        listed = list(things)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with self._progress(*columns) as progress:
            task = progress.add_task(text, total=len(listed))
            for one in listed:
                yield one
                progress.advance(task)

    def bar(self, text: str, total: int) -> Any:
        """Return a progress bar to be moved by hand: a context manager that yields ``move(done)``."""
        return _bar(
            self._progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()),
            text,
            total,
        )

    def close(self) -> None:
        """Give everything back."""
        if "parts" in self.__dict__:
            self.parts.registered.close()
            self.parts.inbox.close()
        if "db" in self.__dict__:
            self.db.close()

    def _progress(self, *columns: Any) -> Progress:
        quiet = self.as_json or not self.errors.is_terminal
        return Progress(*columns, console=self.errors, transient=True, disable=quiet)


def _console(*, stderr: bool) -> Console:
    """Return a console; where nobody looks (a pipe, a log) lines are long rather than broken."""
    made = Console(stderr=stderr, highlight=False, emoji=False)  # "setting:secret:" is a name, and not a picture of one
    if made.is_terminal or "COLUMNS" in os.environ:
        return made
    return Console(stderr=stderr, highlight=False, emoji=False, width=_WIDE)


@contextmanager
def _bar(progress: Progress, text: str, total: int) -> Iterator[Callable[[int], None]]:
    with progress:
        task = progress.add_task(text, total=total)
        yield lambda done: progress.update(task, completed=done)


def who() -> str:
    """Return who works here, for what is recorded with a decision."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (OSError, KeyError):
        return "command line"
