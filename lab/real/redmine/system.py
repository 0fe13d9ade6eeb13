"""Redmine from Debian, copied into a folder of its own with a SQLite database, seeded, and served by puma."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from core.errors import SetupError
from lab.real import packages
from lab.real.daemon import Daemon
from lab.real.places import HOST, ROOT, Places
from lab.real.system import Say

PACKAGES = ("redmine", "redmine-sqlite", "ruby-sqlite3", "puma")
INSTALLED = Path("/usr/share/redmine")
MIGRATED = Path("/var/lib/dbconfig-common/sqlite3/redmine/instances/default/redmine_default")  # the package's postinst made it
PLUGIN = ROOT / "connectors" / "redmine" / "plugin"


class Redmine:
    """The ticket system of somebody else's plant."""

    name = "redmine"

    def __init__(self, places: Places) -> None:
        self.folder = places.folder("redmine")
        self.app = self.folder / "app"
        self.url = places.url("REDMINE")
        self._environment = {
            "RAILS_ENV": "production",
            "SECRET_KEY_BASE": "0123456789abcdef" * 8,
            "REDMINE_LANG": "en",
            "KEYS_FILE": str(self.folder / "keys.json"),
        }
        self.daemon = Daemon(
            "redmine",
            ("puma", "-e", "production", "-b", f"tcp://{HOST}:{places.ports['REDMINE']}", "-t", "1:3", "config.ru"),
            places.ports["REDMINE"],
            "LAB_REDMINE_PORT",
            self.folder,
            cwd=self.app,
            env=self._environment,
        )

    def up(self, say: Say) -> None:
        packages.debian(PACKAGES, say)
        if not (self.folder / "keys.json").exists():
            say("building and seeding")
            self._build()
        self.daemon.start()
        self.daemon.wait(self._answers)

    def down(self) -> None:
        self.daemon.stop()

    def reset(self) -> None:
        running = self.daemon.stop()
        shutil.copy(self.folder / "seeded.sqlite", self.folder / "redmine.sqlite")
        if running:
            self.daemon.start()
            self.daemon.wait(self._answers)

    def purge(self) -> None:
        self.down()
        shutil.rmtree(self.folder, ignore_errors=True)

    def status(self) -> dict[str, str]:
        people = ", ".join(f"{login}: {key}" for login, key in self.keys().items())
        return {"runs": "yes" if self.daemon.pid() else "no", "web and REST": self.url, "API keys": people or "not built yet"}

    def keys(self) -> dict[str, str]:
        """Return the API keys of the gateway's user and of the technician."""
        file = self.folder / "keys.json"
        found: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
        return found

    def push_to(self, url: str, secret: str) -> None:
        """Give the plug-in its address and secret; it reads them before each message. An empty address switches it off."""
        (self.app / "config" / "tieline.yml").write_text(json.dumps({"url": url, "secret": secret}))

    def ask(self, login: str, method: str, path: str, body: Any = None) -> Any:
        """Do something as one of the people, with the standard library only."""
        headers = {"X-Redmine-API-Key": self.keys()[login], "Content-Type": "application/json"}
        payload = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/{path}", payload, headers, method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            said = answer.read()
        return json.loads(said) if said.strip() else None

    def _build(self) -> None:
        if not MIGRATED.exists():
            raise SetupError(
                "The Redmine package made no database.",
                why=f"{MIGRATED} is not there; its installation was answered otherwise.",
                fix="apt-get purge redmine, then install it again with the default answers.",
            )
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        shutil.copytree(INSTALLED, self.app, symlinks=True)
        for one in ("instances", "config/database.yml", "Gemfile.lock"):
            path = self.app / one
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
        shutil.copy("/var/lib/redmine/Gemfile.lock", self.app / "Gemfile.lock")
        instance = self.app / "instances" / "default"  # Debian's Redmine looks for everything below an instance
        for one in ("config", "tmp/cache", "log", "files", "public/plugin_assets", "plugins"):
            (instance / one).mkdir(parents=True)
        (self.app / "plugins").mkdir(exist_ok=True)
        (self.app / "public" / "plugin_assets").mkdir(parents=True, exist_ok=True)
        (instance / "config" / "secret_key.txt").write_text(self._environment["SECRET_KEY_BASE"])
        database = self.folder / "redmine.sqlite"
        settings = f"production:\n  adapter: sqlite3\n  database: {database}\n  timeout: 10000\n"
        (instance / "config" / "database.yml").write_text(settings)
        shutil.copytree(PLUGIN, self.app / "plugins" / "tieline_hook")
        shutil.copy(MIGRATED, database)
        environment = {
            "PATH": os.defpath + ":/usr/local/bin:/usr/bin",
            "HOME": "/tmp",
            "LC_ALL": "C.UTF-8",
            **self._environment,
        }
        argv = [str(self.app / "bin" / "rails"), "runner", str(Path(__file__).with_name("seed.rb"))]
        ran = subprocess.run(argv, cwd=self.app, env=environment, capture_output=True, text=True, check=False)
        if ran.returncode != 0:
            said = " | ".join((ran.stderr or ran.stdout).strip().splitlines()[-4:])
            raise SetupError("Redmine could not be seeded.", why=said, fix="`python -m lab.real purge redmine`, then up.")
        shutil.copy(database, self.folder / "seeded.sqlite")

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}/issues.json", timeout=10).close()
        except urllib.error.HTTPError as error:
            error.close()
            return bool(error.code == 401)
        except OSError:
            return False
        return True
