"""The page of a snapshot: what was known, by facet, with status, age and source; made to be printed."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template

import snapshots
from gateway.pages.console import Console


def add(made: Blueprint, console: Console) -> None:
    """Add the page."""

    @made.get("/snapshots/<id>")
    def snapshot(id: str) -> str:  # noqa: A002 the path's own word
        with console.parts.db.read() as conn:
            found: Any = snapshots.read(conn, id)
        return render_template("snapshot.html", one=found)
