"""The composition root of the web process: every part that a request may need, put together once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bridges.admission import Admission
from bridges.inbox import Inbox
from bridges.registered import Registered
from connectors.kit.contract import Connector
from connectors.registry import connector_class, kind_names
from core.clock import Clock
from core.database import Database
from core.secrets import Vault
from core.settings import Settings


@dataclass(frozen=True, slots=True)
class Parts:
    """What ``create_app`` is built from; tests put in-memory twins here."""

    settings: Settings
    db: Database
    vault: Vault
    registered: Registered
    inbox: Inbox
    ring: Callable[[], None]
    """Wake the worker: something may be due now."""
    admission: Admission | None = None
    """Says what may be promised now; None: everything."""
    find_class: Callable[[str], type[Connector]] = connector_class
    kinds: tuple[str, ...] = field(default_factory=kind_names)
    clock: Clock | None = None
    """For the time windows of doors; the machine's clock if None."""
