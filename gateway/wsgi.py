"""The web application as Granian loads it: one set of real parts per web process, bodies collected before it."""

from __future__ import annotations

from pathlib import Path

from bridges.admission import Admission
from bridges.inbox import Inbox
from bridges.registered import Registered
from celery_app import ring_handle
from connectors.registry import add_folder, connector_class
from core.database import Database
from core.secrets import Vault
from core.settings import Settings
from gateway.app import create_app
from gateway.children import die_with_parent
from gateway.doors.reception import Reception
from gateway.parts import Parts


def make_parts(settings: Settings) -> Parts:
    """Put the real parts together."""
    add_folder(Path(settings.kinds_folder))
    db = Database(settings.database_url, pool_size=16)
    vault = Vault(settings.folder / "secret.key")
    admission = Admission(db, settings.folder, lag_s=settings.lag_s, most=settings.backlog)
    admission.look()
    admission.start()
    return Parts(
        settings=settings,
        db=db,
        vault=vault,
        registered=Registered(db, vault, connector_class),
        inbox=Inbox(db, ring_handle),
        ring=ring_handle,
        admission=admission,
    )


die_with_parent()
app = create_app(make_parts(Settings.from_env()))
served = Reception(app, doors=app.wsgi_app)  # type: ignore[arg-type] # create_app put the doors there
