"""The page of one connector, with the three things a person may do there."""

from __future__ import annotations

from flask import Blueprint, render_template, url_for
from werkzeug.wrappers import Response

from gateway import listings, registering
from gateway.api.connectors import answer
from gateway.listings import Turn
from gateway.pages.console import Console, back


def add(made: Blueprint, console: Console) -> None:
    """Add the page and its forms."""

    @made.get("/connectors/<name>")
    def connector(name: str) -> str:
        row = console.parts.registered.row(name)
        shown = answer(console.call(), row).model_dump(mode="json")
        with console.parts.db.read() as conn:
            events, _ = listings.events(conn, Turn(10), connector_name=name)
        return render_template("connector.html", one=shown, events=events, may_write=console.caller.may("connectors:write"))

    @made.post("/connectors/<name>/check")
    def check_connector(name: str) -> Response:
        console.caller.require("connectors:write")
        registering.check(console.parts, name)
        return back(url_for("pages.connector", name=name))

    @made.post("/connectors/<name>/hold")
    def hold_connector(name: str) -> Response:
        console.caller.require("connectors:write")
        registering.hold(console.parts, name, console.caller.name)
        return back(url_for("pages.connector", name=name))

    @made.post("/connectors/<name>/release")
    def release_connector(name: str) -> Response:
        console.caller.require("connectors:write")
        registering.release(console.parts, name)
        return back(url_for("pages.connector", name=name))
