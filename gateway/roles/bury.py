"""Free what a worker of this machine had leased, whose end is known for certain: ``python -m gateway.roles.bury PID``."""

from __future__ import annotations

import socket
import sys

from bridges.claims import forget_owner
from core.database import Database
from core.settings import Settings

if __name__ == "__main__":
    database = Database(Settings.from_env().database_url)
    forget_owner(database, f"{socket.gethostname()}:{int(sys.argv[1])}")
    database.close()
