"""Tryton: one SQLite database, built once (about a minute), then copied back whenever it is reset."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request
from pathlib import Path

from core.errors import SetupError
from lab.real import packages
from lab.real.daemon import Daemon
from lab.real.places import HOST, VENV, Places
from lab.real.system import Say

ADMIN_PASSWORD = "Tr-lab-2026"
GATEWAY, GATEWAY_PASSWORD = "gateway", "Gw-lab-2026!"
DATABASE = "lab"
MODULES = ("stock_supply", "purchase_requisition", "production")

_CONF = """[web]
listen = {host}:{port}
[database]
uri = sqlite://
path = {databases}
[session]
max_attempt = 100
max_attempt_ip_network = 1000
authentications = password
[cache]
[password]
length = 8
"""


class Tryton:
    """The ERP of the lab."""

    name = "tryton"

    def __init__(self, places: Places) -> None:
        self.folder = places.folder("tryton")
        self.port = places.ports["TRYTON"]
        self.url = places.url("TRYTON")
        self.conf = self.folder / "trytond.conf"
        self.live = self.folder / "db" / f"{DATABASE}.sqlite"
        self.seeded = self.folder / "seeded.sqlite"
        self.daemon = Daemon(
            "trytond",
            (str(VENV / "bin" / "trytond"), "-c", str(self.conf), "-d", DATABASE),
            self.port,
            "LAB_TRYTON_PORT",
            self.folder,
        )

    def up(self, say: Say) -> None:
        packages.python(say)
        self.live.parent.mkdir(parents=True, exist_ok=True)
        self.conf.write_text(_CONF.format(host=HOST, port=self.port, databases=self.live.parent))
        if not self.seeded.exists():
            self._build(say)
        if not self.live.exists():
            shutil.copyfile(self.seeded, self.live)
        self.daemon.start()
        self.daemon.wait(self._answers)

    def down(self) -> None:
        self.daemon.stop()

    def reset(self) -> None:
        """Put the seeded database back."""
        running = self.daemon.stop()
        for left in self.live.parent.glob(f"{DATABASE}.sqlite*"):
            left.unlink()
        shutil.copyfile(self.seeded, self.live)
        if running:
            self.daemon.start()
            self.daemon.wait(self._answers)

    def purge(self) -> None:
        self.down()
        shutil.rmtree(self.folder, ignore_errors=True)

    def status(self) -> dict[str, str]:
        return {
            "runs": "yes" if self.daemon.pid() else "no",
            "RPC": f"{self.url}/{DATABASE}/",
            "people": f"admin / {ADMIN_PASSWORD}",
            "gateway": f"{GATEWAY} / {GATEWAY_PASSWORD}",
            "application key": str(self.folder / "rest_key"),
            "data": str(self.folder),
        }

    def _build(self, say: Say) -> None:
        """Build in the live place, then keep the whole file as the seeded copy; half a build is thrown away."""
        self.daemon.stop()
        say("building the database of Tryton (about a minute, once)")
        for left in self.live.parent.glob(f"{DATABASE}.sqlite*"):
            left.unlink()
        self.live.touch()  # trytond-admin wants the file to be there, empty is enough
        passwords = self.folder / "admin.password"
        passwords.write_text(ADMIN_PASSWORD + "\n")
        admin = [str(VENV / "bin" / "trytond-admin"), "-c", str(self.conf), "-d", DATABASE]
        self._run([*admin, "--all", "--email", "admin@example.com", "-p"], {"TRYTONPASSFILE": str(passwords)})
        self._run([*admin, "-u", *MODULES, "--activate-dependencies"])
        seed = Path(__file__).with_name("seed.py")
        self._run([str(VENV / "bin" / "python"), str(seed), str(self.conf), DATABASE, str(self.folder / "rest_key")])
        partial = self.seeded.with_suffix(".partial")
        shutil.copyfile(self.live, partial)
        partial.rename(self.seeded)

    def _answers(self) -> bool:
        body = json.dumps({"id": 0, "method": "common.db.list", "params": []}).encode()
        ask = urllib.request.Request(f"{self.url}/rpc/", body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(ask, timeout=5) as answer:
                return DATABASE in answer.read().decode()
        except OSError:
            return False

    def _run(self, argv: list[str], env: dict[str, str] | None = None) -> None:
        environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "HOME": "/tmp", **(env or {})}
        ran = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment, stdin=subprocess.DEVNULL)
        with (self.folder / "build.log").open("a") as log:
            log.write(ran.stdout + ran.stderr)
        if ran.returncode != 0:
            said = " | ".join((ran.stderr or ran.stdout).strip().splitlines()[-4:])
            raise SetupError(
                "The database of Tryton cannot be built.", why=said, fix="`python -m lab.real purge tryton`, then up."
            )
