"""Real systems of a test's own: on free ports, in a temporary folder, gone afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from core.errors import TielineError
from lab.real.daemon import is_open
from lab.real.places import PORTS, Places
from lab.real.system import System

Made = TypeVar("Made", bound=System)


@contextmanager
def own(kind: type[Made], folder: Path) -> Iterator[Made]:
    """Start a system beside whatever runs; whoever cannot is told why."""
    taken: set[int] = set()
    ports: dict[str, int] = {}
    for name, usual in PORTS.items():
        ports[name] = next(port for port in range(usual + 1, usual + 90) if port not in taken and not is_open(port))
        taken.add(ports[name])
    made = kind(Places(folder, ports))
    try:
        made.up(lambda _: None)
    except TielineError as error:
        made.purge()
        pytest.skip(f"{kind.__name__} cannot run here. {error.what} {error.why} {error.fix}")
    try:
        yield made
    finally:
        made.purge()
