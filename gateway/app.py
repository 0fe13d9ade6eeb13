"""The application factory: doors in front, the API, the pages, and one way to answer errors."""

from __future__ import annotations

import orjson
from flask import Blueprint, Flask, Response
from sqlalchemy import text

from core.errors import TransientError
from gateway import pages, problems, reconcile
from gateway.api import SUBJECTS
from gateway.doors.inbound import CAP, Doors
from gateway.metrics import Metrics
from gateway.openapi import document
from gateway.pages.entrance import configure
from gateway.parts import Parts


def create_app(parts: Parts) -> Flask:
    """Return the whole web application over these parts. Nothing is read or written until a request comes."""
    app = Flask("gateway", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = CAP
    app.json.sort_keys = False  # type: ignore[attr-defined]
    metrics = Metrics(parts.db, parts.settings.live_days, parts.admission)
    problems.install(app)
    app.register_blueprint(_machines(parts, metrics))
    configure(app, parts)
    app.register_blueprint(pages.blueprint(parts))
    app.register_blueprint(reconcile.blueprint(parts))
    for subject in SUBJECTS:
        app.register_blueprint(subject.blueprint(parts))
    app.wsgi_app = Doors(  # type: ignore[method-assign]
        app.wsgi_app, parts.registered, parts.inbox, metrics.counters, parts.clock, admission=parts.admission
    )
    return app


def _machines(parts: Parts, metrics: Metrics) -> Blueprint:
    """Return what other machines ask without a key: are you alive, are you ready, how much, in what form."""
    made = Blueprint("machines", __name__)
    described = orjson.dumps(document(SUBJECTS), option=orjson.OPT_INDENT_2)

    @made.get("/healthz")
    def alive() -> Response:
        return Response(b"ok\n", content_type="text/plain")

    @made.get("/readyz")
    def ready() -> Response:
        try:
            with parts.db.read() as conn:
                conn.execute(text("SELECT n FROM lineage_version")).first()
        except Exception as error:
            raise NotReadyError(
                "Tieline is not ready.",
                why=f"The database does not answer: {str(error).splitlines()[0][:200]}.",
                fix="Start the database, or run the migrations: tieline doctor.",
            ) from error
        return Response(b"ready\n", content_type="text/plain")

    @made.get("/metrics")
    def scraped() -> Response:
        return Response(metrics.text(), content_type="text/plain; version=0.0.4; charset=utf-8")

    @made.get("/openapi.json")
    def described_as() -> Response:
        return Response(described, content_type="application/json")

    return made


class NotReadyError(TransientError):
    """The process lives, but cannot do its work yet."""

    code = "not-ready"
    title, title_zh = "Not ready yet", "尚未就绪"
