"""What has to be installed: Debian packages by apt-get (as root), PyPI packages into .venv-lab by lock file."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from core.errors import SetupError
from lab.real.places import LOCK, VENV

Say = Callable[[str], None]
POLICY = Path("/usr/sbin/policy-rc.d")
_ONE_AT_A_TIME = threading.Lock()


def debian(packages: Iterable[str], say: Say) -> None:
    """Make sure that Debian packages are there; only missing ones are installed, nothing is upgraded or started."""
    wanted = list(packages)
    missing = _missing(wanted)
    if not missing:
        return
    names = " ".join(missing)
    if shutil.which("apt-get") is None:
        raise SetupError(
            "Zabbix cannot be installed here.",
            why=f"This machine has no apt-get; these Debian 12 packages are missing: {names}.",
            fix="Use Debian 12, or run the stand-ins (`make run`) instead of the real systems.",
        )
    if os.geteuid() != 0:
        raise SetupError(
            "Zabbix cannot be installed by this user.",
            why=f"These packages are missing and installing them needs root: {names}.",
            fix=f"Run once: sudo apt-get install --no-install-recommends {names}",
        )
    say(f"apt-get install {names}")
    silent = not POLICY.exists()
    if silent:  # without it, installing a server package also starts that server
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        _apt("update", "-q")
        _apt("install", "-y", "-q", "--no-install-recommends", "--no-upgrade", *missing)
    finally:
        if silent:
            POLICY.unlink(missing_ok=True)


def python(say: Say) -> Path:
    """Return the bin folder of .venv-lab, made and filled from the lock file; made again when the lock changes."""
    with _ONE_AT_A_TIME:
        mark = VENV / "lock.sha256"
        wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
        if not mark.exists() or mark.read_text() != wanted:
            say(f"installing {LOCK.name} into {VENV.name}")
            _run([sys.executable, "-m", "venv", "--clear", str(VENV)], "make a Python environment", "Install python3-venv.")
            pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            _run([*pip, "--require-hashes", "-r", str(LOCK)], "install the lab's Python packages", "Check the package index.")
            mark.write_text(wanted)
        return VENV / "bin"


def _missing(packages: list[str]) -> list[str]:
    if shutil.which("dpkg-query") is None:
        return packages
    shown = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *packages], capture_output=True, text=True, check=False
    ).stdout
    there = {line.split()[0] for line in shown.splitlines() if line.endswith(" installed")}
    return [name for name in packages if name not in there]


def _apt(*arguments: str) -> None:
    _run(
        ["apt-get", "-o", "DPkg::Lock::Timeout=500", *arguments],
        f"run apt-get {arguments[0]}",
        "Check the package sources, then run it again.",
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
    )


def _run(argv: list[str], what: str, fix: str, env: dict[str, str] | None = None) -> None:
    ran = subprocess.run(argv, capture_output=True, text=True, check=False, env=env)
    if ran.returncode != 0:
        said = " | ".join((ran.stderr or ran.stdout).strip().splitlines()[-4:])
        raise SetupError(f"The lab could not {what}.", why=f"{argv[0]} ended with {ran.returncode}: {said}", fix=fix)
