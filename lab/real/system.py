"""What every real system of the lab offers to the command line and to tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from lab.real.places import Places

Say = Callable[[str], None]


class System(Protocol):
    """One real system: installed, started, stopped and thrown away by the same five verbs."""

    name: str

    def __init__(self, places: Places) -> None: ...

    def up(self, say: Say) -> None:
        """Install, seed and start whatever is missing; return when it answers. Doing it twice does it once."""

    def down(self) -> None:
        """Stop it; nothing of it keeps running."""

    def reset(self) -> None:
        """Go back to the seeded state (stopped or running); quick."""

    def purge(self) -> None:
        """Stop it and remove its data; the next ``up`` starts from nothing."""

    def status(self) -> dict[str, str]:
        """Say where it listens, who may log in, and whether it runs."""
