"""Registered connectors: their rows, and one open instance of each per process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from bridges.tokens import RowTokens
from connectors.kit.contract import Connector, Kind
from connectors.kit.redact import Redactor
from core.database import Database
from core.errors import NotFoundError, SetupError
from core.secrets import Vault
from core.tables import connector as connector_table
from core.words import Json, Micros

FRESH_FOR_S = 0.5
"""How long rows are trusted before they are read again: a hold is seen by every process within this time."""


STALE_AFTER_S = 3.0
"""How old they may be while somebody is asking."""


class ConnectorSettingsError(SetupError):
    """A registered connector whose stored settings no longer fit its kind."""

    code = "connector-settings"
    title, title_zh = "A connector's settings do not fit its kind", "连接器设置与其类型不符"


@dataclass(frozen=True, slots=True)
class ConnectorRow:
    """One registered connector as the engine needs it; ``secrets`` never appear in a repr."""

    id: int
    name: str
    kind: str
    state: str
    held_by: str | None
    settings: dict[str, Json]
    inbound: dict[str, Json]
    breaker_open_until: Micros | None
    updated_at: Micros
    secrets: dict[str, str] = field(repr=False)

    @property
    def urgent(self) -> bool:
        """Say whether what it pushes goes first."""
        return self.inbound.get("lane") == "urgent"

    @property
    def handles(self) -> bool:
        """Say whether what it sent may be handled: a draft or a person's hold stops that, a repair does not."""
        return self.state == "ok" or (self.state == "held" and (self.held_by or "").startswith("repair:"))


class Registered:
    """The connectors of one Tieline, as one process sees them. Safe for threads."""

    def __init__(self, db: Database, vault: Vault, find_class: Callable[[str], type[Connector]]) -> None:
        self._db, self._vault, self.find_class = db, vault, find_class
        self._lock = threading.RLock()
        self._by_id: dict[int, ConnectorRow] = {}
        self._by_name: dict[str, ConnectorRow] = {}
        self._open: dict[int, tuple[Micros, Connector]] = {}
        self._settings: dict[int, tuple[ConnectorRow, Any]] = {}
        self._read_at = float("-inf")
        self._asking = False

    def refresh(self) -> None:
        """Read the rows again now."""
        with self._db.read() as conn:
            rows = conn.execute(select(connector_table)).mappings().all()
        known = self._by_id
        read: dict[int, ConnectorRow] = {}
        for row in rows:
            old = known.get(row["id"])
            if old is not None and old.updated_at == row["updated_at"]:
                read[row["id"]] = old
            else:
                read[row["id"]] = self._from(row)
        with self._lock:
            self._by_id, self._by_name = read, {row.name: row for row in read.values()}
            self._read_at = time.monotonic()
            self._asking = False

    def _from(self, row: Any) -> ConnectorRow:
        return ConnectorRow(
            id=row["id"],
            name=row["name"],
            kind=row["kind"],
            state=row["state"],
            held_by=row["held_by"],
            settings=row["settings"],
            inbound=row["inbound"] or {},
            breaker_open_until=row["breaker_open_until"],
            updated_at=row["updated_at"],
            secrets=self._vault.open(row["secrets"]),
        )

    def all(self) -> list[ConnectorRow]:
        """List the connectors by name."""
        self._refresh_if_old()
        return sorted(self._by_id.values(), key=lambda row: row.name)

    def _refresh_if_old(self) -> None:
        if time.monotonic() - self._read_at > FRESH_FOR_S:
            try:
                self.refresh()
            except SQLAlchemyError:
                if not self._by_id:
                    raise
                # the database is away: what was known a moment ago still says who is who

    def known(self, name: str) -> ConnectorRow | None:
        """Return what was read a moment ago, without asking anybody; None when somebody should ask (``find``)."""
        age = time.monotonic() - self._read_at
        if age > STALE_AFTER_S or (age > FRESH_FOR_S and not self._asking):
            self._asking = True  # whoever is told None asks; the others go on with what is known
            return None
        return self._by_name.get(name)

    def find(self, name_or_id: str | int) -> ConnectorRow | None:
        """Return the row, or None."""
        self._refresh_if_old()
        known: Any = self._by_id if isinstance(name_or_id, int) else self._by_name
        found: ConnectorRow | None = known.get(name_or_id)
        if found is None and time.monotonic() - self._read_at > FRESH_FOR_S / 10:
            self.refresh()  # registered a moment ago
            known = self._by_id if isinstance(name_or_id, int) else self._by_name
            found = known.get(name_or_id)
        return found

    def row(self, name_or_id: str | int) -> ConnectorRow:
        """Return the row, or say which connectors there are."""
        found = self.find(name_or_id)
        if found is None:
            names = ", ".join(row.name for row in self.all()) or "none"
            raise NotFoundError(
                f"There is no connector {name_or_id!r}.",
                why=f"Registered: {names}.",
                fix="Register it with `tieline connectors add`, or use one of these names.",
            )
        return found

    def kind_of(self, name_or_id: str | int) -> Kind:
        """Return the description of a connector's kind."""
        return self.find_class(self.row(name_or_id).kind).kind

    def kinds(self) -> dict[str, Kind]:
        """Return every connector's kind by the connector's name."""
        return {row.name: self.find_class(row.kind).kind for row in self.all()}

    def settings(self, row: ConnectorRow) -> Any:
        """Return the connector's settings, secrets included, as its kind's model; kept until the row changes."""
        kept = self._settings.get(row.id)
        if kept is None or kept[0] is not row:
            kept = self._settings[row.id] = (row, self._validated(row))
        return kept[1]

    def _validated(self, row: ConnectorRow) -> Any:
        model = self.find_class(row.kind).kind.settings
        secrets = {name: secret for name, secret in row.secrets.items() if name in model.model_fields}
        try:
            return model.model_validate({**row.settings, **secrets})
        except ValidationError as error:
            places = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False))
            raise ConnectorSettingsError(
                f"The settings of connector {row.name!r} do not fit kind {row.kind!r}.",
                why=places + ".",
                fix=f"Correct them with `tieline connectors set {row.name}`.",
            ) from None

    def own_user(self, row: ConnectorRow) -> str | None:
        """Return the name our writes carry in that system, where its settings have one."""
        settings = self.settings(row)
        return getattr(settings, "username", None) or getattr(settings, "user", None)

    def masked(self, connector_id: int | None, text: str) -> str:
        """Return a text that nobody has looked through, such as a library's own words, without the connector's secrets."""
        row = None if connector_id is None else self.find(connector_id)
        return Redactor(row.secrets.values() if row is not None else ())(text)

    def open(self, name_or_id: str | int) -> Connector:
        """Return the open instance; it is made anew when the row has changed."""
        row = self.row(name_or_id)
        with self._lock:
            kept = self._open.get(row.id)
            if kept is not None and kept[0] == row.updated_at:
                return kept[1]
            made = self.find_class(row.kind)(row.name, self.settings(row))
            made.tokens = RowTokens(self._db, self._vault, row.id)
            self._open[row.id] = (row.updated_at, made)
        if kept is not None:
            kept[1].close()
        return made

    def close(self) -> None:
        """Close every open instance."""
        with self._lock:
            for _, instance in self._open.values():
                instance.close()
            self._open.clear()
