"""The store of this machine and the parts that the API's functions work with, made for one command."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import inspect
from sqlalchemy.exc import SQLAlchemyError

from bridges.admission import StoreAwayError
from bridges.inbox import Inbox
from bridges.registered import Registered
from connectors.registry import add_folder, connector_class
from core.database import Database
from core.errors import SetupError
from core.migrations import is_current, upgrade
from core.secrets import Vault
from core.settings import Settings
from gateway.parts import Parts


class NoStoreError(SetupError):
    """There are no rows of a Tieline where the settings point."""

    code = "no-store"
    title, title_zh = "There is no Tieline here yet", "此处尚无 Tieline 数据"


class OldSchemaError(SetupError):
    """The tables are those of another release."""

    code = "old-schema"
    title, title_zh = "The tables are of another release", "数据表属于其他版本"


def open_store(settings: Settings, *, create: bool) -> Database:
    """Open the store; with ``create`` a machine without one gets it, so that things can be set up before the first start."""
    path = Path(settings.database_url.removeprefix("sqlite:///"))
    if settings.database_url.startswith("sqlite") and not path.exists() and not create:
        raise _nothing_here(str(path))
    if create:
        settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = Database(settings.database_url, pool_size=2)
    try:
        is_new = not inspect(database.engine).has_table("alembic_version")
        if is_new and create:
            upgrade(database)
        elif is_new:
            raise _nothing_here(database.url.render_as_string(hide_password=True))
        elif not is_current(database):
            raise OldSchemaError(
                "The tables are of another release.",
                why="This release was written for a newer or older schema than the one in the database.",
                fix="Run `tieline migrate` with the release that is to run here.",
            )
    except SQLAlchemyError as error:
        raise StoreAwayError(
            "The database does not answer.",
            why=f"{str(getattr(error, 'orig', None) or error).splitlines()[0][:300]}.",
            fix="Start it, or correct TIELINE_DATABASE_URL.",
        ) from None
    return database


def make_parts(settings: Settings, db: Database) -> Parts:
    """Put the parts together as the web server does."""
    add_folder(Path(settings.kinds_folder))
    vault = Vault(settings.folder / "secret.key")
    return Parts(settings, db, vault, Registered(db, vault, connector_class), Inbox(db, _ring), _ring)


def _ring() -> None:
    """Wake the worker; loaded only when there is a reason to ring."""
    from celery_app import ring_handle

    ring_handle()


def _nothing_here(place: str) -> NoStoreError:
    return NoStoreError(
        "There is no Tieline here yet.",
        why=f"There is no database at {place}.",
        fix="Start it with `tieline serve`, or set TIELINE_HOME to the folder of another one.",
    )
