"""What was known at that moment? Ask, assemble, freeze, read; see docs/why/snapshots.md."""

from snapshots.ask import ask
from snapshots.assemble import assemble
from snapshots.note import note
from snapshots.store import Snapshot, frozen, read
from snapshots.words import Status

__all__ = ["Snapshot", "Status", "ask", "assemble", "frozen", "note", "read"]
