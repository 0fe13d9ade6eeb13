"""
Ask every far side at once, and never wait for one of them longer than was promised.

Each facet has a thread of its own that nobody joins: a far side that hangs keeps its thread, not the
snapshot. What arrives later is still taken by ``more``. No database is known here.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable
from contextvars import copy_context

from connectors.kit.contract import Connector, FieldType, Lookup
from core import jsons
from core.clock import SECOND
from core.errors import CredentialsError, PermissionDeniedError, TielineError
from core.words import Found, Json, Micros
from snapshots.words import Answer, Question, Status

OpenConnector = Callable[[str], Connector]
LARGEST = 256 * 1024
"""Bytes of JSON that one facet may hold."""
LONGEST_REASON = 600


class Reads:
    """All facets of one snapshot on their way."""

    def __init__(
        self, questions: Iterable[Question], open_connector: OpenConnector, *, began: float, started_at: Micros, grace_s: float
    ) -> None:
        self._began = began
        self._started_at = started_at
        self._arrived: queue.SimpleQueue[tuple[str, Answer]] = queue.SimpleQueue()
        self.answers: dict[str, Answer] = {}
        self._until: dict[str, float] = {}
        for question in questions:
            if question.settled is not None:
                self.answers[question.name] = question.settled
                continue
            self._until[question.name] = self._began + question.wait_s
            threading.Thread(  # what its calls carry is the caller's
                target=copy_context().run,
                args=(self._read, question, open_connector, grace_s),
                name=f"facet:{question.name}",
                daemon=True,
            ).start()

    def wait(self) -> dict[str, Answer]:
        """Return every facet's answer; one that is not there after its budget is late."""
        self._take(lambda pending: max(self._until[name] for name in pending))
        return self.answers | {
            name: Answer(Status.LATE, f"Not there after {round((self._until[name] - self._began) * 1000)} ms.")
            for name in self.pending
        }

    def more(self, grace_s: float) -> dict[str, Answer]:
        """Wait for the late ones until the grace is over, and return what else arrived."""
        before = set(self.answers)
        end = time.monotonic() + grace_s
        self._take(lambda _: end)
        return {name: answer for name, answer in self.answers.items() if name not in before}

    @property
    def pending(self) -> set[str]:
        """Say who has not answered yet."""
        return set(self._until) - set(self.answers)

    def _take(self, until: Callable[[set[str]], float]) -> None:
        while pending := self.pending:
            left = until(pending) - time.monotonic()
            try:
                name, answer = self._arrived.get(timeout=max(left, 0)) if left > 0 else self._arrived.get_nowait()
            except queue.Empty:
                return
            self.answers[name] = answer

    def _read(self, question: Question, open_connector: OpenConnector, grace_s: float) -> None:
        """Run in the facet's own thread; whatever happens there becomes an answer."""
        began = time.monotonic()
        try:
            answer = _asked(question, open_connector, question.wait_s + grace_s)
        except TielineError as error:
            denied = isinstance(error, (CredentialsError, PermissionDeniedError))
            answer = Answer(Status.DENIED if denied else Status.FAILED, f"{error.what} {error.why}"[:LONGEST_REASON])
        except Exception as error:
            # A fault in a connector must not cost the snapshot; its text may hold anything, so only its name is kept.
            answer = Answer(Status.FAILED, f"The connector {question.connector} failed unexpectedly ({type(error).__name__}).")
        ended = time.monotonic()
        fetched_at = self._started_at + round((ended - self._began) * SECOND)
        at = fetched_at if answer.at is None and answer.status is Status.OK else answer.at
        self._arrived.put(
            (
                question.name,
                Answer(
                    answer.status,
                    answer.reason,
                    answer.values,
                    answer.units,
                    answer.source,
                    at,
                    fetched_at,
                    round((ended - began) * 1000),
                ),
            )
        )


def _asked(question: Question, open_connector: OpenConnector, timeout_s: float) -> Answer:
    connector = open_connector(question.connector)
    lookup = connector.kind.lookup(question.lookup)
    found = connector.lookup(question.lookup, _fitting(lookup, question.inputs), timeout_s=timeout_s)
    if found.absent:
        return Answer(Status.ABSENT, "The far side has nothing about it.", source=found.source, at=found.at)
    written = jsons.dumps(found.values).encode()
    if len(written) > LARGEST:
        return Answer(
            Status.FAILED, f"The answer is too large ({len(written)} bytes; {LARGEST} are kept).", source=found.source
        )
    values: dict[str, Json] = jsons.loads(written)
    return Answer(Status.OK, values=values, units=_units(lookup, found), source=found.source, at=found.at)


def _fitting(lookup: Lookup, inputs: dict[str, Json]) -> dict[str, Json]:
    """Give a number as text where the lookup declares text; the check at publish lets just that pass."""
    texts = {one.name for one in lookup.inputs if one.type == FieldType.STRING}
    return {
        name: jsons.dumps(value) if name in texts and isinstance(value, (bool, int, float)) else value
        for name, value in inputs.items()
    }


def _units(lookup: Lookup, found: Found) -> dict[str, str]:
    """Return the unit of each number: the declared one, else the answer's own ``unit``."""
    own = found.values.get("unit")
    units: dict[str, str] = {}
    for one in lookup.outputs:
        unit = one.unit or (own if isinstance(own, str) and one.type == FieldType.NUMBER else None)
        if unit and one.name in found.values:
            units[one.name] = unit
    return units
