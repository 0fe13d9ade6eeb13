"""From cells to a checked line: a known connector and entity, an id of the right shape, a master ID, times that make sense."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from core.clock import from_rfc3339
from core.definitions import near
from core.errors import TielineError
from core.words import Micros
from mappings.identity import shapes
from mappings.identity.check_digits import entered
from mappings.interchange.lines import Fault, Line
from mappings.interchange.staging import Wanted

_GID = re.compile(r"[A-Z][A-Z0-9]{1,7}-[0-9]{4}-[0-9]{6,12}")
_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]00:00:00)?")


@dataclass(frozen=True, slots=True)
class Ground:
    """What lines are checked against."""

    connectors: Mapping[str, int]
    prefixes: Mapping[str, str]
    declared: shapes.Declared
    now: Micros


def check(line: Line, ground: Ground) -> Wanted | Fault:
    """Return a line as it can be written, or why it cannot."""
    cells = line.cells
    missing = [name for name in ("connector", "entity", "external_id") if name not in cells]
    if missing:
        return Fault(line.number, f"The cell {missing[0]!r} is empty.")
    connector_id, etype = ground.connectors.get(cells["connector"].strip()), cells["entity"].strip()
    if connector_id is None:
        return Fault(line.number, _unknown("connector", cells["connector"], ground.connectors))
    if etype not in ground.prefixes:
        return Fault(line.number, _unknown("entity", etype, ground.prefixes))
    try:
        norm = shapes.norm(ground.declared.of(connector_id, etype), etype, cells["external_id"])
        gid = entered(cells["master_id"]) if "master_id" in cells else None
        times = [_time(cells, name, ground.now) for name in ("valid_from", "valid_to", "first_seen")]
    except TielineError as error:
        return Fault(line.number, f"{error.what} {error.why}")
    except ValueError as error:
        return Fault(line.number, str(error))
    if gid is not None and not _GID.fullmatch(gid):
        return Fault(line.number, f"{gid[:50]!r} is not a master ID.")
    since, until, seen = times
    if until is not None and (gid is None or since is None):
        return Fault(line.number, "A line that ends (valid_to) needs its beginning (valid_from) and its master ID.")
    if until is not None and since is not None and since >= until:
        return Fault(line.number, "It ends (valid_to) before it begins (valid_from).")
    return Wanted(line.number, connector_id, etype, norm, cells["external_id"], gid, since, until, seen)


def _unknown(what: str, word: str, known: Mapping[str, object]) -> str:
    guess = near(word, known)
    return f"There is no {what} {word[:50]!r}." + (f" Did you mean {guess!r}?" if guess else "")


def _time(cells: Mapping[str, str], name: str, now: Micros) -> Micros | None:
    """Read a time with its zone, or a day (its beginning in UTC); the future is refused."""
    text = cells.get(name, "").strip()
    if not text:
        return None
    day = _DATE.fullmatch(text)
    try:
        at = from_rfc3339(f"{day[1]}T00:00:00+00:00" if day else text.replace("Z", "+00:00"))
    except (ValueError, OverflowError):
        raise ValueError(f"{name} is {text[:40]!r}: write a time with its zone, or a day (2026-01-31).") from None
    if not 0 <= at <= now:
        raise ValueError(f"{name} is {text[:40]!r}, which is not in the past.")
    return at
