"""Zabbix 6.0: a private PostgreSQL cluster, server, agent and PHP frontend."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

from core.errors import SetupError
from lab.real import packages
from lab.real.daemon import Daemon, is_open
from lab.real.places import HOST, Places
from lab.real.system import Say
from lab.real.zabbix import seed, settings
from lab.real.zabbix.api import Api

PACKAGES = (
    "zabbix-server-pgsql",
    "zabbix-frontend-php",
    "zabbix-agent",
    "postgresql",
    "php8.2-cli",
    "php8.2-pgsql",
    "php8.2-curl",
    "php8.2-mbstring",
    "php8.2-gd",
    "php8.2-xml",
    "php8.2-bcmath",
)
SQL = Path("/usr/share/zabbix-server-pgsql")
FRONTEND = Path("/usr/share/zabbix")
WANTED_VERSION = "6.0."


class Zabbix:
    """The monitoring system of the lab."""

    name = "zabbix"

    def __init__(self, places: Places) -> None:
        self.places = places
        self.folder = places.shared_folder("zabbix", ("postgres", "zabbix"))
        self.ports = places.ports
        self.api = Api(places.url("ZABBIX_WEB"))

    def up(self, say: Say) -> None:
        packages.debian(PACKAGES, say)
        self.folder = self.places.shared_folder("zabbix", ("postgres", "zabbix"))
        self._folders()
        self._cluster(say)
        self._database(say)
        self._frontend()
        settings.write(self.folder, self.ports)
        daemons = self._daemons()[1:]
        for daemon in daemons:
            daemon.start()
        for daemon in daemons:
            daemon.wait(lambda port=daemon.port: is_open(port))  # type: ignore[misc]
        daemons[-1].wait(lambda: (self.api.version() or "").startswith(WANTED_VERSION))
        seed.plant(self.api, self.ports, say)

    def down(self) -> None:
        for daemon in reversed(self._daemons()):
            daemon.stop()

    def reset(self) -> None:
        """Values go back to normal and open problems end; the database of Zabbix is not rebuilt for that."""
        seed.calm(self.api, self.ports)

    def purge(self) -> None:
        self.down()
        shutil.rmtree(self.folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # the folder outside the state, where there is one and nothing else is in it
            self.folder.parent.rmdir()

    def status(self) -> dict[str, str]:
        return {
            "runs": "yes" if all(daemon.pid() for daemon in self._daemons()) else "no",
            "web and API": self.places.url("ZABBIX_WEB"),
            "trapper": f"{HOST}:{self.ports['ZABBIX_SERVER']}",
            "people": f"Admin / {seed.ADMIN_PASSWORD}",
            "gateway": f"{seed.GATEWAY} / {seed.GATEWAY_PASSWORD}",
            "data": str(self.folder),
        }

    def _daemons(self) -> list[Daemon]:
        """In the order of starting; stopping goes backwards."""
        here, run = self.folder, self.folder / "run"
        web = f"{HOST}:{self.ports['ZABBIX_WEB']}"
        php = ["php", "-d", "post_max_size=16M", "-d", "max_execution_time=300", "-d", "max_input_time=300"]
        php += ["-d", "memory_limit=256M", "-d", "date.timezone=UTC", "-d", f"session.save_path={run}", "-S", web]
        return [
            Daemon(
                "postgres",
                (str(_postgres_bin() / "postgres"), "-D", str(here / "pg")),
                self.ports["ZABBIX_PG"],
                "LAB_ZABBIX_PG_PORT",
                here,
                user="postgres",
                stop_signal=signal.SIGINT,
            ),
            Daemon(
                "zabbix_server",
                ("/usr/sbin/zabbix_server", "-f", "-c", str(here / "zabbix_server.conf")),
                self.ports["ZABBIX_SERVER"],
                "LAB_ZABBIX_SERVER_PORT",
                here,
                user="zabbix",
            ),
            Daemon(
                "zabbix_agentd",
                ("/usr/sbin/zabbix_agentd", "-f", "-c", str(here / "zabbix_agentd.conf")),
                self.ports["ZABBIX_AGENT"],
                "LAB_ZABBIX_AGENT_PORT",
                here,
                user="zabbix",
            ),
            Daemon(
                "frontend",
                tuple(php),
                self.ports["ZABBIX_WEB"],
                "LAB_ZABBIX_WEB_PORT",
                here,
                user="zabbix",
                cwd=here / "www",
                env={"PHP_CLI_SERVER_WORKERS": "4"},
            ),
        ]

    def _folders(self) -> None:
        for folder, owner in ((self.folder, None), (self.folder / "pg", "postgres"), (self.folder / "run", "zabbix")):
            folder.mkdir(parents=True, exist_ok=True)
            if owner and os.geteuid() == 0:
                shutil.chown(folder, owner, owner)
        (self.folder / "pg").chmod(0o700)

    def _cluster(self, say: Say) -> None:
        """Make the cluster once. It is a lab: nothing is synced to disk, which is what makes it quick."""
        data = self.folder / "pg"
        if not (data / "PG_VERSION").exists():
            say("making a PostgreSQL cluster")
            binary = str(_postgres_bin() / "initdb")
            initdb = [binary, "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
            _run(initdb, "make the PostgreSQL cluster", user="postgres")
            with (data / "postgresql.conf").open("a") as conf:
                conf.write(settings.POSTGRES)
        (data / "postgresql.auto.conf").write_text(f"port = {self.ports['ZABBIX_PG']}\n")
        daemon = self._daemons()[0]
        daemon.start()
        daemon.wait(lambda: is_open(daemon.port))

    def _database(self, say: Say) -> None:
        """Import Zabbix's own schema once; half an import is thrown away and done again."""
        mark = self.folder / "database.ready"
        if mark.exists():
            return
        say("importing the schema of Zabbix (about 15 s)")
        for statement in (
            "drop database if exists zabbix",
            "drop role if exists zabbix",
            f"create role zabbix login password '{settings.DATABASE_PASSWORD}'",
            "create database zabbix owner zabbix encoding 'UTF8' template template0",
        ):
            self._psql("postgres", "-c", statement)
        for part in ("schema", "images", "data"):  # the order matters
            unpacked = subprocess.run(["zcat", str(SQL / f"{part}.sql.gz")], capture_output=True, check=True).stdout
            self._psql("zabbix", "-1", "zabbix", text=unpacked)
        mark.write_text("")

    def _psql(self, user: str, *arguments: str, text: bytes = b"") -> None:
        argv = ["psql", "-h", HOST, "-p", str(self.ports["ZABBIX_PG"]), "-U", user, "-v", "ON_ERROR_STOP=1", "-q", *arguments]
        _run(argv, "fill the database of Zabbix", text=text)

    def _frontend(self) -> None:
        """
        Copy the PHP tree and point it at its own configuration.

        Debian patches CConfigFile to the absolute /etc/zabbix/zabbix.conf.php; the lab must not write there.
        """
        www = self.folder / "www"
        if not (www / "index.php").exists():
            shutil.rmtree(www, ignore_errors=True)
            partial = self.folder / "www.partial"
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(FRONTEND, partial, symlinks=False, ignore_dangling_symlinks=True)
            settings.point_frontend(partial, www)
            partial.rename(www)
        settings.write_frontend(www, self.ports)


def _postgres_bin() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise SetupError(
            "PostgreSQL is not installed.",
            why="There is no /usr/lib/postgresql/*/bin/initdb.",
            fix="Run `python -m lab.real up zabbix` as root; it installs the package.",
        )
    return found[-1].parent


def _run(argv: list[str], what: str, *, user: str | None = None, text: bytes = b"") -> None:
    switch = {"user": user, "group": user, "extra_groups": []} if user and os.geteuid() == 0 else {}
    ran = subprocess.run(argv, input=text, capture_output=True, check=False, cwd="/", **switch)  # type: ignore[call-overload]
    if ran.returncode != 0:
        said = " | ".join(ran.stderr.decode(errors="replace").strip().splitlines()[-4:])
        raise SetupError(
            f"The lab could not {what}.", why=f"{argv[0]}: {said}", fix="`python -m lab.real purge zabbix`, then up."
        )
