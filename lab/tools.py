"""``python -m lab.tools``: installs the programs that some tests need and that PyPI does not carry (Debian, as root)."""

from __future__ import annotations

import shutil
import sys

from core.errors import TielineError
from lab.real import packages

PROGRAMS = {
    "promtool": "prometheus",  # checks the alert rules
    "prometheus": "prometheus",  # the same package: its alerts fire over a Tieline in which something is wrong
    "faketime": "faketime",  # lets the clock jump
    "mosquitto": "mosquitto",  # the kind mqtt is tried on it
    "redis-server": "redis-server",  # the chaos harness starts its own
    "rabbitmq-server": "rabbitmq-server",  # likewise
    "systemd-analyze": "systemd",  # checks the units
}


def main() -> None:
    """Install what is missing."""
    missing = sorted({package for program, package in PROGRAMS.items() if shutil.which(program) is None})
    try:
        packages.debian(missing, print)
    except TielineError as error:
        sys.exit(f"{error.what}\n  why: {error.why}\n  fix: {error.fix}")
    print("The programs that tests need are there: " + ", ".join(PROGRAMS))


if __name__ == "__main__":
    main()
