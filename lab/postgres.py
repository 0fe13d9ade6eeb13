"""
``python -m lab.postgres up|down``: a throw-away PostgreSQL for the tests, when none answers where they look.

It listens on loopback, trusts everybody there, syncs nothing to disk and is removed by ``down``.
On a machine that has its own server (TEST_POSTGRES_URL, or port 5432) ``up`` does nothing and says so.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from sqlalchemy import make_url

from core.errors import SetupError, TielineError
from lab.real import packages
from lab.real.daemon import Daemon, is_open
from lab.real.places import HOST, Places

URL = os.environ.get("TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
SETTINGS = """
listen_addresses = '127.0.0.1'
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 200
unix_socket_directories = ''
"""


def server() -> tuple[Path, Daemon]:
    """Return its folder and process; the folder is one that the user postgres can reach."""
    folder = Places.from_env().shared_folder("postgres", ("postgres",))
    port = make_url(URL).port or 5432
    argv = (str(binaries() / "postgres"), "-D", str(folder / "cluster"), "-p", str(port))
    owner = "postgres" if os.geteuid() == 0 else None
    return folder, Daemon("postgres", argv, port, "TEST_POSTGRES_URL", folder, user=owner, stop_signal=signal.SIGINT)


def binaries() -> Path:
    """Return the folder of the newest installed server's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[4]))
    on_path = shutil.which("postgres")
    if found:
        return found[-1].parent
    if on_path:
        return Path(on_path).resolve().parent
    raise SetupError(
        "There is no PostgreSQL server program on this machine.",
        why="Neither /usr/lib/postgresql/*/bin nor the PATH holds one.",
        fix="Install it (Debian: apt-get install postgresql), or point TEST_POSTGRES_URL at a server.",
    )


def up() -> None:
    """Start a server unless one answers already."""
    wanted = make_url(URL)
    if wanted.host not in (HOST, "localhost") or is_open(wanted.port or 5432):
        print(f"The tests use the PostgreSQL at {wanted.host}:{wanted.port or 5432}.")
        return
    try:
        binaries()
    except SetupError:
        packages.debian(("postgresql",), print)
    folder, daemon = server()
    cluster = folder / "cluster"
    if not (cluster / "PG_VERSION").exists():
        cluster.mkdir(parents=True, exist_ok=True)
        cluster.chmod(0o700)
        if daemon.user:
            shutil.chown(cluster, daemon.user, daemon.user)
        made = subprocess.run(
            [binaries() / "initdb", "-D", cluster, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"],
            user=daemon.user,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise SetupError("PostgreSQL could not make its files.", why=made.stderr.strip()[-400:], fix="See that message.")
        with (cluster / "postgresql.conf").open("a") as settings:
            settings.write(SETTINGS)
    daemon.start()
    daemon.wait(lambda: is_open(daemon.port))
    print(f"A throw-away PostgreSQL runs on {HOST}:{daemon.port}; make postgres-down removes it.")


def down() -> None:
    """Stop the server that ``up`` started, if it did, and remove its files."""
    try:
        folder, daemon = server()
    except SetupError:
        return
    if daemon.stop():
        shutil.rmtree(folder, ignore_errors=True)
        print("The throw-away PostgreSQL is stopped and removed.")


if __name__ == "__main__":
    verb = {"up": up, "down": down}.get(sys.argv[1] if len(sys.argv) == 2 else "")
    if verb is None:
        sys.exit("python -m lab.postgres up|down")
    try:
        verb()
    except TielineError as error:
        sys.exit(f"{error.what}\n  why: {error.why}\n  fix: {error.fix}")
