"""
Ids of unknown shape: kept as examples, and what to do about them proposed.

The error that opens the repair says what the strange ids look like, and which shape would take them: first a fold
under which they fit as they are, else the declared pattern widened by theirs. Nobody's digits are cut out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select, text

from core.errors import TielineError
from core.tables import connector, crosswalk, id_misfit
from core.words import Micros
from mappings.identity.errors import UnknownShapeError
from mappings.identity.learning import learn
from mappings.identity.normalisers import names_of
from mappings.identity.shapes import Shape, norm
from mappings.identity.words import Want

KEPT = 20
"""Examples per connector and entity."""
_KNOWN = 500
"""Known ids on which a proposal is tried; publishing it tries all."""

_NOTE = text(
    "INSERT INTO id_misfit (connector_id, etype, external_id, seen_at) VALUES (:connector_id, :etype, :external_id, :seen_at)"
    " ON CONFLICT (connector_id, etype, external_id) DO UPDATE SET seen_at = excluded.seen_at"
)
_FOLDS = ("nfkc", "upper", "nfkc+upper", "no_spaces", "nfkc+no_spaces+upper", "no_leading_zeros")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A shape that would take the strange ids, and why it is thought to be right."""

    shape: Shape
    why: str


def note(
    conn: Connection, answers: Mapping[Want, object], shapes: Mapping[tuple[int, str], Shape], now: Micros
) -> dict[Want, TielineError]:
    """Keep the ids of unknown shape among these answers; return their errors with examples and a proposal."""
    strange: dict[tuple[int, str], list[Want]] = {}
    for want, answer in answers.items():
        if isinstance(answer, UnknownShapeError):
            strange.setdefault((want.connector_id, want.etype), []).append(want)
    told: dict[Want, TielineError] = {}
    for (connector_id, etype), wants in sorted(strange.items()):
        room = KEPT - _count(conn, connector_id, etype)
        rows = [
            {"connector_id": connector_id, "etype": etype, "external_id": one, "seen_at": now}
            for one in sorted({want.external_id for want in wants})[: max(room, 0)]
        ]
        if rows:
            conn.execute(_NOTE, rows)
        seen = examples(conn, connector_id, etype)
        proposal = propose(shapes[connector_id, etype], etype, seen, _some_known(conn, connector_id, etype))
        name = conn.execute(select(connector.c.name).where(connector.c.id == connector_id)).scalar_one()
        for want in wants:
            error = answers[want]
            assert isinstance(error, UnknownShapeError)
            told[want] = _explained(error, name, etype, seen, proposal)
    return told


def examples(conn: Connection, connector_id: int, etype: str) -> list[str]:
    """Return the strange ids that were kept, the first first."""
    mine = (id_misfit.c.connector_id == connector_id) & (id_misfit.c.etype == etype)
    return list(conn.execute(select(id_misfit.c.external_id).where(mine).order_by(id_misfit.c.id)).scalars())


def propose(shape: Shape, etype: str, strange: list[str], known: list[str]) -> Proposal | None:
    """
    Return a shape that takes the strange ids as well and joins no two of the known ones.

    >>> propose(Shape("EC-[0-9]{4}"), "order", ["ec-0001"], ["EC-0002"]).shape.normaliser
    'trim+upper'
    >>> propose(Shape("[0-9]{4}"), "order", ["EC-0001", "EC-0002"], ["0001"]).shape.pattern
    '(?:[0-9]{4})|(?:EC-[0-9]{4})'
    """
    for more in _FOLDS:
        steps = [*names_of(shape.normaliser), *(name for name in more.split("+") if name not in names_of(shape.normaliser))]
        folded = Shape(shape.pattern, "+".join(steps), shape.check_digit, shape.placeholders)
        if _takes(folded, etype, known, strange):
            return Proposal(folded, f"They fit the declared pattern once they are folded: {more}.")
    learned = learn(strange)
    if learned is None or not shape.pattern:
        return None
    steps = [*names_of(shape.normaliser), *names_of(learned.shape.normaliser)]
    normaliser = "+".join(dict.fromkeys(steps))
    for check in dict.fromkeys((shape.check_digit, None)):
        pattern = f"(?:{shape.pattern})|(?:{learned.shape.pattern})"
        wider = Shape(pattern, normaliser, check, shape.placeholders)
        if _takes(wider, etype, known, strange):
            return Proposal(wider, "They have a form of their own; the pattern is widened by it, and each id stays as it is.")
    return None


def _takes(shape: Shape, etype: str, known: Iterable[str], strange: Iterable[str]) -> bool:
    """Say whether a shape takes all of these ids and keeps the known ones apart; a strange one may be a known one folded."""
    wanted = list(dict.fromkeys(known))
    try:
        kept = {norm(shape, etype, one) for one in wanted}
        return len(kept) == len(wanted) and all(norm(shape, etype, one) for one in strange)
    except TielineError:
        return False


def _explained(
    error: UnknownShapeError, connector_name: str, etype: str, seen: list[str], proposal: Proposal | None
) -> UnknownShapeError:
    """Return the error with what a steward needs to decide."""
    shown = ", ".join(seen[:3])
    fix = f"Strange ids so far: {shown}. {error.fix}"
    facts = {**error.facts, "connector": connector_name, "examples": seen}
    if proposal is not None:
        shape = proposal.shape
        facts["proposed"] = {
            "pattern": shape.pattern,
            "normaliser": shape.normaliser,
            "check_digit": shape.check_digit,
            "why": proposal.why,
        }
        fix = f"{fix} Proposed: {' '.join(_command(connector_name, etype, shape))} ({proposal.why})"
    return UnknownShapeError(error.what, why=error.why, fix=fix, **facts)


def _command(connector_name: str, etype: str, shape: Shape) -> Iterator[str]:
    yield f"tieline ids shape {connector_name} {etype} --pattern '{shape.pattern}' --normaliser {shape.normaliser}"
    if shape.check_digit:
        yield f"--check-digit {shape.check_digit}"


def _count(conn: Connection, connector_id: int, etype: str) -> int:
    mine = (id_misfit.c.connector_id == connector_id) & (id_misfit.c.etype == etype)
    return int(conn.execute(select(func.count()).select_from(id_misfit).where(mine)).scalar_one())


def _some_known(conn: Connection, connector_id: int, etype: str) -> list[str]:
    mine = (crosswalk.c.connector_id == connector_id) & (crosswalk.c.etype == etype) & crosswalk.c.valid_to.is_(None)
    return list(conn.execute(select(crosswalk.c.external_raw).where(mine).limit(_KNOWN)).scalars())
