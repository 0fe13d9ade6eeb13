"""The page of an entity (a ticket, a device, …): every field with its value, and where that came from."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template

from gateway import listings
from gateway.api.identity import get_entity
from gateway.listings import Turn
from gateway.pages.console import Console
from lineage import provenance
from mappings import identity


def add(made: Blueprint, console: Console) -> None:
    """Add the pages."""

    @made.get("/entities/<master_id>")
    def entity(master_id: str) -> str:
        shown = get_entity(console.call(), master_id)
        with console.parts.db.read() as conn:
            events, _ = listings.events(conn, Turn(10), master_id=shown.master_id)
        return render_template("entity.html", one=shown.model_dump(mode="json"), events=events)

    @made.get("/lineage/<master_id>/<field>")
    def lineage(master_id: str, field: str) -> str:
        with console.parts.db.read() as conn:
            found: Any = provenance.value(conn, identity.entered(master_id), field)
        return render_template("lineage.html", one=found)
