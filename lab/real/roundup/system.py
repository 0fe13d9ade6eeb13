"""Roundup: one SQLite tracker with the fields Tieline needs, its detector, and three people."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from core.errors import SetupError
from lab.real import packages
from lab.real.daemon import Daemon
from lab.real.places import ROOT, VENV, Places
from lab.real.system import Say

ADMIN, ADMIN_PASSWORD = "admin", "Ru-lab-2026"
GATEWAY, GATEWAY_PASSWORD = "tieline", "gw-pass-2026"
TECHNICIAN, TECHNICIAN_PASSWORD = "tech", "tech-pass-2026"
DETECTOR = ROOT / "connectors" / "roundup" / "detector.py"
FIELDS = "machine=String(), asset=String(), event_id=String(), part=String(), tieline_ref=String()"


class Roundup:
    """The ticket system of the lab."""

    name = "roundup"

    def __init__(self, places: Places) -> None:
        self.folder = places.folder("roundup")
        self.tracker = self.folder / "demo"
        self.port = places.ports["ROUNDUP"]
        self.url = f"{places.url('ROUNDUP')}/demo/"
        self.daemon = Daemon(
            "roundup",
            (str(VENV / "bin" / "python"), str(Path(__file__).with_name("serve.py")), str(self.tracker), str(self.port)),
            self.port,
            "LAB_ROUNDUP_PORT",
            self.folder,
        )

    def up(self, say: Say) -> None:
        packages.python(say)
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / "seeded").exists():
            say("making the tracker")
            self._build()
        changed = self._equip()
        if changed:
            self.daemon.stop()
        self.daemon.start()
        self.daemon.wait(self._answers)

    def down(self) -> None:
        self.daemon.stop()

    def reset(self) -> None:
        """Put the seeded tracker back: no tickets, the push switched off."""
        running = self.daemon.stop()
        shutil.rmtree(self.tracker, ignore_errors=True)
        shutil.copytree(self.folder / "seeded", self.tracker)
        self._equip()
        if running:
            self.daemon.start()
            self.daemon.wait(self._answers)

    def purge(self) -> None:
        self.down()
        shutil.rmtree(self.folder, ignore_errors=True)

    def status(self) -> dict[str, str]:
        return {
            "runs": "yes" if self.daemon.pid() else "no",
            "web and REST": self.url,
            "people": f"{ADMIN} / {ADMIN_PASSWORD}, {TECHNICIAN} / {TECHNICIAN_PASSWORD}",
            "gateway": f"{GATEWAY} / {GATEWAY_PASSWORD}",
            "data": str(self.folder),
        }

    def push_to(self, url: str, secret: str) -> None:
        """Give the detector its address and secret; an empty address switches it off. The tracker is opened anew."""
        self._configure(url, secret)
        if self.daemon.stop():
            self.daemon.start()
            self.daemon.wait(self._answers)

    def set_password(self, user: str, password: str) -> None:
        """Change somebody's password, as the administrator would; the tracker keeps running."""
        (number,) = re.findall(r"\d+", self._admin("filter", "user", f"username={user}"))
        self._admin("set", f"user{number}", f"password={password}")

    def _build(self) -> None:
        """Make the tracker beside its place and move it there when it is whole."""
        shutil.rmtree(self.tracker, ignore_errors=True)
        self._admin("install", "classic", "sqlite", f"tracker_web={self.url},mail_domain=example.com,mail_host=localhost")
        _replace(
            self.tracker / "schema.py",
            'status=Link("status"))',
            f'status=Link("status"),\n                {FIELDS})',
        )
        for mailing in ("nosyreaction.py", "emailauditor.py"):  # they want an SMTP server
            (self.tracker / "detectors" / mailing).unlink(missing_ok=True)
        config = self.tracker / "config.ini"
        # four failed logins in ten minutes would lock the API; 250,000 rounds cost 290 ms per request
        _replace(config, "api_failed_login_limit = 4", "api_failed_login_limit = 0")
        _replace(config, "password_pbkdf2_default_rounds = 250000", "password_pbkdf2_default_rounds = 1000")
        self._admin("initialise", ADMIN_PASSWORD)
        for name, password in ((GATEWAY, GATEWAY_PASSWORD), (TECHNICIAN, TECHNICIAN_PASSWORD)):
            person = (f"username={name}", f"password={password}", f"address={name}@example.com", "roles=User")
            self._admin("create", "user", *person)
        self._configure("", "")
        partial = self.folder / "seeded.partial"
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(self.tracker, partial)
        partial.rename(self.folder / "seeded")

    def _equip(self) -> bool:
        """Put the newest detector in, and this landscape's port; True when something changed."""
        if not self.tracker.exists():
            shutil.copytree(self.folder / "seeded", self.tracker)
        place = self.tracker / "detectors" / "tieline.py"
        config = self.tracker / "config.ini"
        lines = [f"web = {self.url}" if line.startswith("web = ") else line for line in config.read_text().splitlines()]
        wanted = {place: DETECTOR.read_text(), config: "\n".join(lines) + "\n"}
        stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
        for path in stale:
            path.write_text(wanted[path])
        return bool(stale)

    def _configure(self, url: str, secret: str) -> None:
        """Write the detector's own section; Roundup reads detectors/config.ini when it opens the tracker."""
        settings = f"[tieline]\nurl = {url}\nsecret = {secret}\n\n[statusauditor]\nchatting_requires_two_users = False\n"
        (self.tracker / "detectors" / "config.ini").write_text(settings)

    def _answers(self) -> bool:
        token = base64.b64encode(f"{ADMIN}:{ADMIN_PASSWORD}".encode()).decode()
        ask = urllib.request.Request(
            f"{self.url}rest/", headers={"Authorization": f"Basic {token}", "X-Requested-With": "rest"}
        )
        try:
            with urllib.request.urlopen(ask, timeout=5) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except OSError:
            return False

    def _admin(self, *arguments: str) -> str:
        argv = [str(VENV / "bin" / "roundup-admin"), "-i", str(self.tracker), *arguments]
        environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "HOME": "/tmp"}
        ran = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment, stdin=subprocess.DEVNULL)
        if ran.returncode != 0:
            said = " | ".join((ran.stderr or ran.stdout).strip().splitlines()[-4:])
            raise SetupError(
                f"roundup-admin {arguments[0]} failed.", why=said, fix="`python -m lab.real purge roundup`, then up."
            )
        return ran.stdout


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    if old not in text:
        raise SetupError(
            f"{path.name} of this Roundup looks different.",
            why=f"It does not hold {old!r}.",
            fix="Use the version of the lock file.",
        )
    path.write_text(text.replace(old, new, 1))
