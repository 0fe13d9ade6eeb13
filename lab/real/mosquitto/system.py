"""A Mosquitto of its own: two users, an access list, one listener in the clear and one with TLS by a CA of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess

from core.errors import SetupError
from lab.certificates import certify
from lab.real import packages
from lab.real.daemon import Daemon, is_open
from lab.real.places import HOST, Places
from lab.real.system import Say

GATEWAY, GATEWAY_PASSWORD = "gateway", "gw-pass-2026"
DEVICE, DEVICE_PASSWORD = "plc07", "plc-pass-2026"
RIGHTS = f"""
user {GATEWAY}
topic readwrite plant/#
topic deny plant/secret/#
user {DEVICE}
topic readwrite plant/berlin/press-07/#
"""


class Mosquitto:
    """The broker of the plant."""

    name = "mosquitto"

    def __init__(self, places: Places) -> None:
        self.folder = places.shared_folder("mosquitto", ("mosquitto",))
        self.port, self.tls_port = places.ports["MOSQUITTO"], places.ports["MOSQUITTO_TLS"]
        self.ca_file = self.folder / "ca.pem"
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        argv = (program, "-c", str(self.folder / "mosquitto.conf"))
        self.daemon = Daemon("mosquitto", argv, self.port, "LAB_MOSQUITTO_PORT", self.folder)

    def up(self, say: Say) -> None:
        packages.debian(("mosquitto",), say)
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / "mosquitto.conf").exists():
            self._build()
        self.daemon.start()
        self.daemon.wait(lambda: is_open(self.port) and is_open(self.tls_port))

    def down(self) -> None:
        self.daemon.stop()

    def reset(self) -> None:
        running = self.daemon.pid() is not None
        self.purge()
        if running:
            self.up(lambda _: None)

    def purge(self) -> None:
        self.down()
        shutil.rmtree(self.folder, ignore_errors=True)

    def status(self) -> dict[str, str]:
        return {
            "runs": "yes" if self.daemon.pid() else "no",
            "broker": f"{HOST}:{self.port}, with TLS {HOST}:{self.tls_port} (CA {self.ca_file})",
            "gateway": f"{GATEWAY} / {GATEWAY_PASSWORD}",
            "device": f"{DEVICE} / {DEVICE_PASSWORD}",
        }

    def set_password(self, user: str, password: str) -> None:
        """Change somebody's password; the broker reads it at once."""
        program = shutil.which("mosquitto_passwd") or "/usr/bin/mosquitto_passwd"
        file = self.folder / "passwd"
        create = [] if file.exists() else ["-c"]
        ran = subprocess.run([program, *create, "-b", str(file), user, password], capture_output=True, text=True, check=False)
        if ran.returncode != 0:
            raise SetupError("mosquitto_passwd failed.", why=ran.stderr.strip(), fix="See whether mosquitto is installed.")
        self._hand_over()
        if (pid := self.daemon.pid()) is not None:
            os.kill(pid, signal.SIGHUP)

    def _build(self) -> None:
        for user, password in ((GATEWAY, GATEWAY_PASSWORD), (DEVICE, DEVICE_PASSWORD)):
            self.set_password(user, password)
        (self.folder / "acl").write_text(RIGHTS)
        certify(self.folder)
        lines = [
            "allow_anonymous false",
            f"password_file {self.folder / 'passwd'}",
            f"acl_file {self.folder / 'acl'}",
            f"persistence_location {self.folder}/",
            "persistence true",
            f"listener {self.port} {HOST}",
            f"listener {self.tls_port} {HOST}",
            f"cafile {self.ca_file}",
            f"certfile {self.folder / 'server.pem'}",
            f"keyfile {self.folder / 'server.key'}",
        ]
        self._hand_over()
        (self.folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
        self._hand_over()

    def _hand_over(self) -> None:
        """Started by root it becomes the user mosquitto, who has to read all this and write its store."""
        if os.geteuid() == 0:
            for path in (self.folder, *self.folder.iterdir()):
                shutil.chown(path, "mosquitto")
