"""A MariaDB server in a folder of its own: no data of anybody else, an administrator with a password."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from core.errors import SetupError
from lab.real import packages
from lab.real.daemon import Daemon, is_open
from lab.real.places import HOST, Places
from lab.real.system import Say

ADMIN, ADMIN_PASSWORD = "admin", "my-lab-2026"


class MariaDB:
    """The database of somebody else's application."""

    name = "mariadb"

    def __init__(self, places: Places) -> None:
        self.folder = places.shared_folder("mariadb", ("mysql",))
        self.port = places.ports["MARIADB"]
        self.cluster = self.folder / "cluster"
        self.admin_url = f"mysql+pymysql://{ADMIN}:{ADMIN_PASSWORD}@{HOST}:{self.port}/mysql"
        self._user = "mysql" if os.geteuid() == 0 else None
        argv = (
            "mariadbd",
            "--no-defaults",
            f"--datadir={self.cluster}",
            f"--port={self.port}",
            f"--bind-address={HOST}",
            f"--socket={self.cluster / 'socket'}",
            "--character-set-server=utf8mb4",
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-buffer-pool-size=32M",
            "--skip-log-bin",
            "--log-bin-trust-function-creators=1",
            f"--init-file={self.folder / 'people.sql'}",
        )
        self.daemon = Daemon("mariadb", argv, self.port, "LAB_MARIADB_PORT", self.folder, user=self._user)

    def up(self, say: Say) -> None:
        packages.debian(("mariadb-server",), say)
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.cluster / "mysql").exists():
            say("making the cluster")
            self._build()
        self.daemon.start()
        self.daemon.wait(lambda: is_open(self.port))

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
        return {"runs": "yes" if self.daemon.pid() else "no", "URL": self.admin_url}

    def _build(self) -> None:
        people = f"CREATE USER IF NOT EXISTS '{ADMIN}'@'%' IDENTIFIED BY '{ADMIN_PASSWORD}';\n"
        people += f"GRANT ALL ON *.* TO '{ADMIN}'@'%' WITH GRANT OPTION;\n"
        (self.folder / "people.sql").write_text(people)
        self.cluster.mkdir(parents=True, exist_ok=True)
        if self._user:
            for one in (self.folder, self.cluster):
                shutil.chown(one, self._user)
        argv = ["mariadb-install-db", "--no-defaults", f"--datadir={self.cluster}", "--skip-test-db"]
        argv += [f"--user={self._user}"] if self._user else []
        program = shutil.which(argv[0]) or argv[0]
        ran = subprocess.run([program, *argv[1:]], capture_output=True, text=True, check=False, cwd=Path("/"))
        if ran.returncode != 0:
            said = " | ".join((ran.stderr or ran.stdout).strip().splitlines()[-4:])
            raise SetupError("mariadb-install-db failed.", why=said, fix="`python -m lab.real purge mariadb`, then up.")
