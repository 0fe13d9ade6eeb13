"""
Bringing a crosswalk in: every line is checked before any is written.

First the whole file is read, checked and staged on disk, then judged by the rows that are there: that is the dry run. Then
the staged lines are written in the order of their keys, in short transactions; what was judged is judged again in
each, because others write meanwhile. A file with a faulty line writes nothing, unless the faulty ones are to be
skipped. The same file again changes nothing, so a run that was broken off is simply repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from sqlalchemy import Connection, select

from core.bulk import insert_many, update_many
from core.database import Database
from core.tables import connector, crosswalk, entity
from core.words import Micros
from mappings.identity import shapes
from mappings.identity.mint import take
from mappings.identity.rows import find, query
from mappings.identity.sequence import reserve
from mappings.identity.words import Origin
from mappings.interchange.checking import Ground, check
from mappings.interchange.judging import Judged, Meaning, Terms, judge, keys_of
from mappings.interchange.lines import Fault, Line, Progress, Told
from mappings.interchange.staging import Double, Staged, Wanted

PORTION = 1000
SHOWN = 100
"""Faults that a report holds; ``on_fault`` hears all."""

__all__ = ["Report", "Terms", "bring"]


@dataclass(slots=True)
class Report:
    """What became of a file, or what would."""

    lines: int = 0
    known: int = 0
    linked: int = 0
    minted: int = 0
    adopted: int = 0
    closed: int = 0
    repeated: int = 0
    fault_count: int = 0
    faults: list[Fault] = field(default_factory=list)
    written: bool = False

    def count(self, meaning: Meaning) -> None:
        """Count one line."""
        setattr(self, meaning.value, getattr(self, meaning.value) + 1)


@dataclass(slots=True)
class _Run:
    db: Database
    prefixes: Mapping[str, str]
    terms: Terms
    on_fault: Callable[[Fault], None]
    report: Report = field(default_factory=Report)

    def fault(self, one: Fault) -> None:
        self.report.fault_count += 1
        if len(self.report.faults) < SHOWN:
            self.report.faults.append(one)
        self.on_fault(one)


def bring(
    db: Database,
    lines: Iterable[Line | Fault],
    prefixes: Mapping[str, str],
    terms: Terms,
    *,
    on_fault: Callable[[Fault], None] = lambda _: None,
    judging: Told = lambda _: None,
    writing: Told = lambda _: None,
) -> Report:
    """Check and write the lines of a file; ``judging`` and ``writing`` hear how many lines are judged, and written."""
    run = _Run(db, prefixes, terms, on_fault)
    with Staged() as staged:
        _stage(run, lines, staged)
        _judge(run, staged, judging)
        if not terms.dry_run and (terms.skip_faulty or not run.report.fault_count):
            _write_all(run, staged, writing)
    return run.report


def _stage(run: _Run, lines: Iterable[Line | Fault], staged: Staged) -> None:
    """Read everything and keep what can be used."""
    for chunk in _chunks(lines):
        run.report.lines += len(chunk)
        with run.db.read() as conn:
            ground = _ground(conn, run)
        good: list[Wanted] = []
        for line in chunk:
            found = line if isinstance(line, Fault) else check(line, ground)
            if isinstance(found, Fault):
                run.fault(found)
            else:
                good.append(found)
        staged.add(good)
    staged.sort()


def _judge(run: _Run, staged: Staged, tell: Told) -> None:
    """Count what writing would do, and find the lines that contradict each other or the register."""

    def double(one: Double) -> None:
        if one.line.gid == one.first.gid:
            run.report.repeated += 1
        else:
            said = f"{one.first.gid or 'no master ID'}, this one {one.line.gid or 'none'}"
            run.fault(Fault(one.line.number, f"Line {one.first.number} has the same id and says {said}."))

    done = 0
    for portion in staged.portions(PORTION, double):
        with run.db.read() as conn:
            judged = judge(conn, portion, run.terms, run.prefixes)
        for one in judged:
            if isinstance(one, Fault):
                run.fault(one)
            else:
                run.report.count(one.meaning)
        done += len(portion)
        tell(Progress(done, staged.count))


def _write_all(run: _Run, staged: Staged, tell: Told) -> None:
    """Write in portions; what was counted before is counted anew, as it came to be."""
    known = run.report
    run.report = Report(
        lines=known.lines, repeated=known.repeated, fault_count=known.fault_count, faults=known.faults, written=True
    )
    done = 0
    for portion in staged.portions(PORTION):
        _write(run, portion)
        done += len(portion)
        tell(Progress(done, staged.count))


def _ground(conn: Connection, run: _Run) -> Ground:
    names = {row.name: row.id for row in conn.execute(select(connector.c.name, connector.c.id))}
    return Ground(names, run.prefixes, shapes.load(conn, names.values()), run.db.now(conn))


def _chunks(lines: Iterable[Line | Fault]) -> Iterator[list[Line | Fault]]:
    source = iter(lines)
    while chunk := list(islice(source, PORTION)):
        yield chunk


def _write(run: _Run, portion: Sequence[Wanted]) -> None:
    """Write one portion in one transaction; its faults and counts are told once it is committed."""
    told: list[Judged | Fault] = []
    with run.db.write() as conn:
        now = run.db.now(conn)
        judged = judge(conn, portion, run.terms, run.prefixes)
        good = [one for one in judged if isinstance(one, Judged)]
        told += [one for one in judged if isinstance(one, Fault)]
        adopted = _adopt(conn, run, [one.wanted for one in good if one.home_id is None and one.wanted.gid is not None], now)
        good = [one if one.wanted.gid not in adopted else one._replace(home_id=adopted[str(one.wanted.gid)]) for one in good]
        told += _take(conn, run, [one for one in good if one.meaning is not Meaning.KNOWN], now)
        told += [one for one in good if one.meaning is Meaning.KNOWN]
    for one in told:
        if isinstance(one, Judged):
            run.report.count(one.meaning)
        elif one.number not in {fault.number for fault in run.report.faults}:
            run.fault(one)


def _adopt(conn: Connection, run: _Run, wanted: Sequence[Wanted], now: Micros) -> dict[str, int]:
    """Make entities with master IDs of another register, and give their numbers to nobody else."""
    new = {str(one.gid): one for one in reversed(wanted)}
    if not new:
        return {}
    highest: dict[str, int] = {}
    for gid in new:
        scope, _, number = gid.rpartition("-")
        highest[scope] = max(highest.get(scope, 0), int(number))
    for scope, last in sorted(highest.items()):
        reserve(conn, run.db, scope, last)
    rows = [{"gid": gid, "etype": one.etype, "minted_at": one.first_seen or now} for gid, one in sorted(new.items())]
    insert_many(conn, entity, rows)
    query(conn, "UPDATE entity SET survivor_id = id WHERE gid IN {gids} AND survivor_id IS NULL", gids=sorted(new))
    made = query(conn, "SELECT gid, id FROM entity WHERE gid IN {gids}", gids=sorted(new))
    return {row.gid: row.id for row in made}


def _take(conn: Connection, run: _Run, new: Sequence[Judged], now: Micros) -> list[Judged | Fault]:
    """Add rows to the crosswalk and say what each line came to; on PostgreSQL somebody else may have been first."""
    closed = [one for one in new if one.meaning is Meaning.CLOSED]
    insert_many(conn, crosswalk, [_closed_row(one, now) for one in closed])
    fresh = sorted((one for one in new if one.meaning is not Meaning.CLOSED), key=lambda one: one.wanted.key)
    if not fresh:
        return list(closed)
    keys = [(one.wanted.key, one.wanted.raw, one.home_id, Origin.IMPORT) for one in fresh]
    made = take(conn, run.db, keys, run.prefixes, now)
    rows = find(conn, keys_of(fresh))
    since = [
        {
            "id": rows[one.wanted.key].crosswalk_id,
            "valid_from": one.wanted.valid_from or now,
            "first_seen": one.wanted.first_seen or one.wanted.valid_from or now,
        }
        for one in fresh
        if rows[one.wanted.key].crosswalk_id in made and (one.wanted.valid_from or one.wanted.first_seen)
    ]
    update_many(conn, crosswalk, "id", since)
    late = [one for one in fresh if rows[one.wanted.key].crosswalk_id not in made]
    again = judge(conn, [one.wanted for one in late], run.terms, run.prefixes) if late else []
    return [*closed, *(one for one in fresh if one not in late), *again]


def _closed_row(one: Judged, now: Micros) -> dict[str, object]:
    wanted = one.wanted
    return {
        "connector_id": wanted.connector_id,
        "etype": wanted.etype,
        "external_norm": wanted.norm,
        "external_raw": wanted.raw,
        "home_id": one.home_id,
        "origin": Origin.IMPORT.value,
        "first_seen": wanted.first_seen or wanted.valid_from or now,
        "last_seen": wanted.valid_to,
        "valid_from": wanted.valid_from,
        "valid_to": wanted.valid_to,
    }
