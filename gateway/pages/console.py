"""What every group of pages is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import g, redirect, request
from werkzeug.wrappers import Response

from core.words import State
from gateway.auth import Caller
from gateway.languages import language_of
from gateway.listings import Turn
from gateway.operations import Call
from gateway.parts import Parts
from gateway.shapes import cursor_of, read_cursor

SHOWN = 25


@dataclass(frozen=True, slots=True)
class Console:
    """The parts, and the little that pages share."""

    parts: Parts

    @property
    def caller(self) -> Caller:
        """Whoever is signed in."""
        found: Caller = g.caller
        return found

    def call(self) -> Call:
        """Return this request as the API's operations take it, so that pages show what the API answers."""
        return Call(self.parts, self.caller, language_of(request, self.parts.settings.language))

    def turn(self) -> Turn:
        """Return which page of a list is asked for."""
        return Turn(SHOWN, read_cursor(request.args.get("cursor") or None))

    def names(self) -> list[str]:
        """Return the names of the connectors, for filters."""
        return [row.name for row in self.parts.registered.all()]


def asked(name: str) -> str | None:
    """Return a filter of the query, or None when it is empty."""
    return request.args.get(name) or None


def asked_state() -> str | None:
    """Return the state that is filtered by, if it is one."""
    found = asked("state")
    return found if found in {one.value for one in State} else None


def next_of(after: Any) -> str | None:
    """Return the cursor of the next page."""
    return None if after is None else cursor_of(after)


def back(address: str) -> Response:
    """Go on to a page after a form."""
    return redirect(address, 303)
