"""What belongs to this checkout: the files that git would commit, so that data and caches are never judged."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

from tests.house.imports import ROOMS, ROOT


@cache
def files() -> tuple[Path, ...]:
    """Return every tracked or new (not ignored) file; without git, every file outside dot folders."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True
        )
        names = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        names = [
            path for path in ROOT.rglob("*") if not any(part.startswith(".") for part in path.relative_to(ROOT).parts[:-1])
        ]
    return tuple(sorted(path for path in names if path.is_file()))


def python_files() -> list[Path]:
    """Return every Python file of ours, tests and lab included."""
    return [path for path in files() if path.suffix == ".py"]


def room_files() -> list[Path]:
    """Return the Python files of the rooms (and celery_app.py): the product itself."""
    return [path for path in python_files() if path.relative_to(ROOT).parts[0].removesuffix(".py") in ROOMS]


def text_files(*suffixes: str) -> list[Path]:
    """Return the files with one of these endings."""
    return [path for path in files() if path.suffix in suffixes]


def name(path: Path) -> str:
    """Return the path as people write it."""
    return str(path.relative_to(ROOT))
