"""Servers of the harness' own: PostgreSQL, Redis, RabbitMQ; each on its own port, killed by its number, started again."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from core.errors import SetupError
from gateway.children import die_with_parent
from lab.postgres import binaries
from lab.real.daemon import is_open
from lab.real.waiting import until


def free_port() -> int:
    """Return a port of the loopback address that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """One server process, durable on its disk; ``kill`` is kill -9 of it and of all its children."""

    name = "server"
    ready_s = 30.0

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.user: str | None = None
        self.child: subprocess.Popen[bytes] | None = None

    def argv(self) -> list[str]:
        """How to start it."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        """Where it is, as Tieline's settings name it."""
        raise NotImplementedError

    def env(self) -> dict[str, str]:
        """What its environment is."""
        return {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "HOME", "LC_ALL")}

    def start(self) -> None:
        """Start it and wait until its port answers; one that ends at once (its old name is still known) is tried again."""
        until(self._answers, f"{self.name} to answer", self.ready_s)

    def _answers(self) -> bool:
        if self.child is None or self.child.poll() is not None:
            self._begin()
        return is_open(self.port)

    def _begin(self) -> None:
        switch = {"user": self.user, "group": self.user, "extra_groups": []} if self.user and os.geteuid() == 0 else {}
        with (self.folder / "log").open("ab") as log:
            self.child = subprocess.Popen(
                self.argv(), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=self.folder, env=self.env(),
                start_new_session=True, preexec_fn=die_with_parent if not switch else None, **switch,  # type: ignore[call-overload]
            )  # fmt: skip

    def kill(self) -> None:
        """Kill it at once."""
        assert self.child is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()

    def stop(self) -> None:
        """End it for good."""
        if self.child is not None and self.child.poll() is None:
            self.kill()


class Redis(Server):
    """Redis with an append-only file."""

    name = "redis"

    def argv(self) -> list[str]:
        program = _program("redis-server", "redis-server")
        options = {"port": self.port, "bind": "127.0.0.1", "dir": self.folder, "appendonly": "yes", "save": "",
                   "appendfsync": "everysec", "maxmemory-policy": "noeviction"}  # fmt: skip
        return [program, *(part for name, value in options.items() for part in (f"--{name}", str(value)))]

    @property
    def url(self) -> str:
        """Where it is."""
        return f"redis://127.0.0.1:{self.port}/0"


class RabbitMq(Server):
    """A RabbitMQ node of its own."""

    name = "rabbitmq"
    ready_s = 90.0

    def argv(self) -> list[str]:
        found = sorted(Path("/usr/lib/rabbitmq/lib").glob("*/sbin/rabbitmq-server"))
        return [str(found[-1]) if found else _program("rabbitmq-server", "rabbitmq-server")]

    def env(self) -> dict[str, str]:
        (self.folder / "plugins").write_text("[].\n")
        return super().env() | {
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": f"chaos{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.port + 1 if self.port < 60_000 else self.port - 1),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "logs"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(self.folder / "none"),
        }

    @property
    def url(self) -> str:
        """Where it is."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"


class Postgres(Server):
    """PostgreSQL that syncs to disk."""

    name = "postgresql"

    def __init__(self, folder: Path) -> None:
        super().__init__(Path(tempfile.mkdtemp(prefix="chaos-pg-")))  # one that its user can reach
        self.user = "postgres" if os.geteuid() == 0 else None
        if self.user:
            shutil.chown(self.folder, self.user, self.user)
        switch = {"user": self.user, "group": self.user, "extra_groups": []} if self.user else {}
        made = subprocess.run(
            [binaries() / "initdb", "-D", self.folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8"],
            cwd=self.folder, capture_output=True, text=True, check=False, **switch,  # type: ignore[call-overload]
        )  # fmt: skip
        if made.returncode:
            raise SetupError("PostgreSQL could not make its files.", why=made.stderr.strip()[-400:], fix="See that message.")

    def argv(self) -> list[str]:
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": "200", "fsync": "on"}
        given = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(binaries() / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port), *given]

    def kill(self) -> None:
        """Kill the postmaster; its children see that and go."""
        super().kill()
        (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)

    def stop(self) -> None:
        super().stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def url(self) -> str:
        """Where the harness' database is."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"


def _program(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise SetupError(f"There is no {name} on this machine.", why="The PATH does not hold one.", fix=f"Install {package}.")
    return found
