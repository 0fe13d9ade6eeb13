"""The real systems together, by name."""

from __future__ import annotations

from lab.real.mariadb.system import MariaDB
from lab.real.mosquitto.system import Mosquitto
from lab.real.places import Places
from lab.real.prometheus.system import Prometheus
from lab.real.redmine.system import Redmine
from lab.real.roundup.system import Roundup
from lab.real.system import System
from lab.real.tryton.system import Tryton
from lab.real.zabbix.system import Zabbix

SYSTEMS: dict[str, type[System]] = {"zabbix": Zabbix, "roundup": Roundup, "tryton": Tryton}
"""Those of the stories: what `make lab` starts."""

ON_DEMAND: dict[str, type[System]] = {"prometheus": Prometheus, "mariadb": MariaDB, "mosquitto": Mosquitto, "redmine": Redmine}
"""Those that are installed and started only when somebody names them: `python -m lab.real up prometheus`."""


class Landscape:
    """One set of the real systems in one place."""

    def __init__(self, places: Places | None = None) -> None:
        self.places = places or Places.from_env()
        self.zabbix = Zabbix(self.places)
        self.roundup = Roundup(self.places)
        self.tryton = Tryton(self.places)

    def system(self, name: str) -> System:
        """Return one of them by name."""
        systems: dict[str, System] = {"zabbix": self.zabbix, "roundup": self.roundup, "tryton": self.tryton}
        return systems[name] if name in systems else ON_DEMAND[name](self.places)
