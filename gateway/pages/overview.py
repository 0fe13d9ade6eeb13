"""The overview: does the accounting hold, what needs a person, what happened last; and the page of an error code."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template
from sqlalchemy import Connection, select

from bridges.accounting import balance
from core.errors import NotFoundError
from core.tables import connector
from gateway import listings
from gateway.listings import Turn
from gateway.pages.catalogue import entry
from gateway.pages.console import Console
from gateway.shapes import time


def add(made: Blueprint, console: Console) -> None:
    """Add the page."""

    @made.get("/")
    def overview() -> str:
        with console.parts.db.read() as conn:
            return render_template(
                "overview.html",
                balance=balance(console.parts.db),
                repairs=listings.repairs(conn, Turn(20))[0],
                connectors=connector_rows(conn),
                events=listings.events(conn, Turn(10))[0],
                refusals=listings.refusals(conn, Turn(5))[0],
            )


def connector_rows(conn: Connection) -> list[dict[str, Any]]:
    """Return what a table of connectors shows."""
    columns = (
        connector.c.name,
        connector.c.kind,
        connector.c.title,
        connector.c.state,
        connector.c.held_by,
        connector.c.report,
        connector.c.checked_at,
    )
    rows = conn.execute(select(*columns).order_by(connector.c.name)).mappings()
    return [{**row, "checked_at": time(row["checked_at"])} for row in rows]


def problem(code: str, language: str) -> dict[str, Any]:
    """Return what the page of an error code says: its title, who moves next, what it means and what to do."""
    known = entry(code)
    if known is None:
        raise NotFoundError(
            f"There is no error code {code!r}.", why="No error has it.", fix="See docs/errors.md for every code."
        )
    return {"code": code, "title": known.title(language), "family": known.family, "advice": known.advised(language)}
