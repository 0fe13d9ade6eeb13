"""
Backup and restore: one folder that a Tieline can be made from again, and the proof that nothing of it is missing.

It holds the rows (SQLite: a copy by its online backup, in one read snapshot; PostgreSQL: its own dump), the key that opens
stored secrets (or not, if that is kept elsewhere), and a manifest with the books at that instant. Intake goes on
meanwhile. A restore is done only when the books of what was restored are those of the manifest.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import URL, inspect, make_url, text

from bridges.accounting import Balance, balance, count
from core.database import Database
from core.errors import SetupError
from core.migrations import upgrade
from core.settings import Settings

FORM = 1
MANIFEST, KEY = "manifest.json", "secret.key"
DATA = {"sqlite": "tieline.db", "postgresql": "tieline.pgdump"}


class BackupError(SetupError):
    """A backup that cannot be made, or cannot be taken for one."""

    code = "backup"
    title, title_zh = "A backup cannot be made or used", "备份无法创建或使用"


@dataclass(frozen=True, slots=True)
class Made:
    """A backup as its manifest describes it."""

    folder: Path
    manifest: dict[str, Any]


def make(settings: Settings, folder: Path, *, with_key: bool = True) -> Made:
    """Make a backup into a new folder, readable by its owner only; the Tieline may run meanwhile."""
    if folder.exists() and any(folder.iterdir()):
        raise BackupError(
            f"{folder} is not empty.", why="A backup never overwrites anything.", fix="Name a folder that does not exist yet."
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    database = Database(settings.database_url)
    try:
        data = folder / DATA[database.dialect]
        books = (_copy_sqlite if database.dialect == "sqlite" else _dump_postgres)(database, data)
        revision = _revision(database)
    finally:
        database.close()
    data.chmod(0o600)
    key = settings.folder / KEY
    if with_key and key.exists():
        (folder / KEY).touch(mode=0o600)
        (folder / KEY).write_bytes(key.read_bytes())
    manifest = {
        "form": FORM,
        "tieline": version("tieline"),
        "schema": revision,
        "database": database.dialect,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": {"file": data.name, "bytes": data.stat().st_size, "sha256": _sha256(data)},
        "key": (folder / KEY).exists(),
        "books": {name: books[name] for name in _COUNTED},
    }
    (folder / MANIFEST).write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    return Made(folder, manifest)


_COUNTED = ("accepted", "deliveries", "events", "actions")


def _copy_sqlite(database: Database, target: Path) -> dict[str, Any]:
    """Copy in one read snapshot: with a write-ahead log that keeps no writer waiting; the books are those of the copy."""
    with closing(sqlite3.connect(str(database.url.database))) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
    with _opened(f"sqlite:///{target}") as copied:
        return balance(copied).as_dict()


def _dump_postgres(database: Database, target: Path) -> dict[str, Any]:
    """Let pg_dump read the snapshot in which the books are counted."""
    with database.engine.connect() as conn:
        conn.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        snapshot = conn.execute(text("SELECT pg_export_snapshot()")).scalar_one()
        _run("pg_dump", database.url, "--format=custom", "--no-owner", f"--snapshot={snapshot}", f"--file={target}")
        return count(conn, database.now(conn)).as_dict()


def restore(settings: Settings, folder: Path, *, force: bool = False) -> tuple[Made, Balance]:
    """
    Make the Tieline of these settings from a backup; the caller owns the home (``take_home``).

    What is there already is refused; with ``force`` it is kept aside. The books must balance and be those of the manifest.
    """
    made = read(folder)
    url = make_url(settings.database_url)
    dialect, data = url.get_backend_name(), folder / made.manifest["data"]["file"]
    if dialect != made.manifest["database"]:
        raise BackupError(
            f"The backup is of {made.manifest['database']}, and this Tieline keeps its rows in {dialect}.",
            why="A dump of one cannot be read by the other.",
            fix="Set TIELINE_DATABASE_URL to a database of the backup's kind.",
        )
    if dialect == "sqlite":
        _restore_sqlite(Path(str(url.database)), data, force=force)
    else:
        _restore_postgres(settings.database_url, data, force=force)
    if made.manifest["key"]:
        _keep_aside(settings.folder / KEY, force=True)
        (settings.folder / KEY).touch(mode=0o600)
        (settings.folder / KEY).write_bytes((folder / KEY).read_bytes())
    with _opened(settings.database_url) as restored:
        upgrade(restored)
        books = balance(restored)
    found = {name: books.as_dict()[name] for name in _COUNTED}
    if not books.holds or found != made.manifest["books"]:
        raise BackupError(
            "What was restored is not what was backed up.",
            why=" ".join(books.problems) or f"The backup counted {made.manifest['books']}, here are {found}.",
            fix="Do not start this Tieline. Restore another backup, and keep this one for an examination.",
        )
    return made, books


def read(folder: Path) -> Made:
    """Return a backup whose files are whole, or say what is wrong with it."""
    try:
        manifest = orjson.loads((folder / MANIFEST).read_bytes())
        data = folder / manifest["data"]["file"]
        if manifest["form"] != FORM or data.name not in DATA.values():
            raise KeyError("form")  # noqa: TRY301 - told below, as any other strange manifest
        if _sha256(data) != manifest["data"]["sha256"]:
            raise BackupError(
                f"{data} has changed since the backup was made.",
                why="Its checksum is not the one in the manifest.",
                fix="Take another copy of this backup, or another backup.",
            )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackupError(
            f"{folder} is not a backup of Tieline.",
            why=f"{type(error).__name__}: {error}.",
            fix=f"Name the folder that `tieline backup` made; it holds {MANIFEST}.",
        ) from error
    return Made(folder, manifest)


def _restore_sqlite(target: Path, data: Path, *, force: bool) -> None:
    for name in (target, *(target.with_name(target.name + end) for end in ("-wal", "-shm"))):
        _keep_aside(name, force=force)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    target.touch(mode=0o600)
    with closing(sqlite3.connect(data)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
        found = copy.execute("PRAGMA integrity_check").fetchone()[0]
    if found != "ok":
        raise BackupError(f"{data} is damaged.", why=f"SQLite says: {found}.", fix="Restore another backup.")


def _restore_postgres(url: str, data: Path, *, force: bool) -> None:
    with _opened(url) as database, database.engine.begin() as conn:
        tables = inspect(conn).get_table_names()
        if tables and not force:
            raise _in_the_way(f"The database {database.url.database} holds {len(tables)} tables")
        if tables:
            conn.exec_driver_sql(f'ALTER SCHEMA public RENAME TO "before_restore_{_stamp()}"')
            conn.exec_driver_sql("CREATE SCHEMA public")
    _run("pg_restore", make_url(url), "--no-owner", "--exit-on-error", "--single-transaction", str(data), into=True)


def _keep_aside(path: Path, *, force: bool) -> None:
    if not path.exists():
        return
    if not force:
        raise _in_the_way(f"{path} is there already")
    path.rename(path.with_name(f"{path.name}.before-restore-{_stamp()}"))


def _in_the_way(what: str) -> BackupError:
    return BackupError(
        f"{what}.",
        why="A restore does not mix with what is there.",
        fix="Restore into a new home or an empty database, or use --force: what is there is kept aside under another name.",
    )


def _run(program: str, url: URL, *arguments: str, into: bool = False) -> None:
    """Run one of PostgreSQL's own tools; the password goes by the environment, never by the command line."""
    found = shutil.which(program) or next(
        (str(path) for path in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), reverse=True)), None
    )
    if found is None:
        raise BackupError(
            f"{program} is not on this machine.",
            why="PostgreSQL's own tools make and read its dumps.",
            fix="Install the client tools of your server's version (Debian: apt-get install postgresql-client).",
        )
    plain = {
        "PGHOST": url.host, "PGPORT": url.port, "PGUSER": url.username, "PGPASSWORD": url.password, "PGDATABASE": url.database
    }  # fmt: skip
    environment: Mapping[str, str] = os.environ | {name: str(one) for name, one in plain.items() if one is not None}
    argv = [found, *([f"--dbname={url.database}"] if into else []), *arguments]
    ran = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - no shell
    if ran.returncode != 0:
        raise BackupError(
            f"{program} failed.",
            why=" ".join(ran.stderr.split())[-500:] or f"It ended with {ran.returncode}.",
            fix="See its words; its version must not be older than the server's.",
        )


def _revision(database: Database) -> str:
    with database.read() as conn:
        return str(conn.execute(text("SELECT version_num FROM alembic_version")).scalar_one())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stamp() -> str:
    return f"{datetime.now(UTC):%Y%m%d%H%M%S%f}"


@contextmanager
def _opened(url: str) -> Iterator[Database]:
    database = Database(url)
    try:
        yield database
    finally:
        database.close()
