"""Where the lab keeps its things and which ports it uses; several landscapes can stand side by side."""

from __future__ import annotations

import hashlib
import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import SettingsError

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv-lab"
LOCK = ROOT / "lab" / "requirements.lock"
HOST = "127.0.0.1"

PORTS = {
    "ZABBIX_PG": 25432,
    "ZABBIX_SERVER": 20051,
    "ZABBIX_AGENT": 20050,
    "ZABBIX_WEB": 28080,
    "ROUNDUP": 28917,
    "TRYTON": 28000,
    "PROMETHEUS": 29090,
    "ALERTMANAGER": 29093,
    "EXPORTER": 29100,
    "MOSQUITTO": 21883,
    "MOSQUITTO_TLS": 28883,
    "REDMINE": 28918,
    "MARIADB": 23306,
}
"""Name -> usual port. LAB_<NAME>_PORT moves one, LAB_OFFSET moves all."""


@dataclass(frozen=True, slots=True)
class Places:
    """One landscape: its folder and its ports."""

    state: Path
    ports: Mapping[str, int]

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Places:
        """
        Read LAB_STATE, LAB_OFFSET and LAB_<NAME>_PORT.

        >>> Places.from_env({"LAB_OFFSET": "100", "LAB_TRYTON_PORT": "9000"}).ports["ROUNDUP"]
        29017
        """
        env = os.environ if env is None else env
        offset = _number(env, "LAB_OFFSET", 0)
        ports = {name: _number(env, f"LAB_{name}_PORT", usual + offset) for name, usual in PORTS.items()}
        state = Path(env.get("LAB_STATE") or ROOT / "lab" / "real" / "state")
        return cls(state.resolve(), ports)

    def folder(self, system: str) -> Path:
        """Return the folder of one system; the caller makes it."""
        return self.state / system

    def shared_folder(self, system: str, users: tuple[str, ...]) -> Path:
        """
        Return a folder that other Unix users can reach.

        A server that refuses to run as root runs as its own user, and that user cannot enter a checkout
        below /root or a private home: then the folder lies in /var/tmp, named after this landscape.
        """
        wanted = self.folder(system)
        if os.geteuid() != 0 or all(_can_enter(wanted, user) for user in users):
            return wanted
        mark = hashlib.sha256(str(self.state).encode()).hexdigest()[:8]
        return Path("/var/tmp") / f"tieline-lab-{mark}" / system

    def url(self, name: str) -> str:
        """Return the http address of a port."""
        return f"http://{HOST}:{self.ports[name]}"


def _number(env: Mapping[str, str], name: str, usual: int) -> int:
    text = env.get(name)
    if text is None:
        return usual
    if not text.lstrip("-").isdigit():
        raise SettingsError(f"{name} is {text!r}.", why="A port must be a number.", fix=f"Unset {name} or give a number.")
    return int(text)


def _can_enter(folder: Path, user: str) -> bool:
    """Say whether a user may walk to the folder: each existing parent lets others, or that user, through."""
    try:
        who = pwd.getpwnam(user)
    except KeyError:
        return True  # not installed yet: decided again once it is
    for parent in folder.parents:
        if parent.exists():
            seen = parent.stat()
            bit = 0o100 if seen.st_uid == who.pw_uid else 0o010 if seen.st_gid == who.pw_gid else 0o001
            if not seen.st_mode & bit:
                return False
    return True
