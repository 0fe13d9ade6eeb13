"""From the parameters of a list to a page of it, and back to the cursor."""

from __future__ import annotations

from typing import Any

from gateway import listings
from gateway.shapes import Paged, cursor_of, read_cursor


def turn_of(query: Paged) -> listings.Turn:
    """Return the page that a query asks for."""
    return listings.Turn(query.limit, read_cursor(query.cursor))


def next_of(after: Any) -> str | None:
    """Return the cursor to go on from."""
    return None if after is None else cursor_of(after)
