"""
Code tables, compiled: a foreign word and ours, how exact each row is, and what happens to a word that no row has.

A table that lacks a word may ask another (``unmapped: {ask: other}``); a circle of tables is refused when it is
written. Only rows that are *equivalent* are written back: "testing" may be "in progress" for us, and still nobody
who says "in progress" means "testing".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from core import jsons
from core.definitions import Problem, near, unknown
from core.words import Json
from mappings.models import CodeTableSpec, Row, Unmapped
from mappings.translate.paths import MISSING
from mappings.translate.step import Lens, Looked, Step, StepDefinitionError, StepError, UnmappedError, World


class ReviewError(UnmappedError):
    """The table says that a steward decides about a word it lacks: the field is quarantined until then."""

    review = True


@dataclass(slots=True)
class CodeTable:
    """One table, ready to look words up; ``name`` is empty for pairs that stand in the mapping itself."""

    name: str
    rows: dict[str, Json]
    exact: dict[str, str] = field(default_factory=dict)
    """Our word (as JSON) -> the foreign word that means exactly it; the first counts."""
    loose: dict[str, str] = field(default_factory=dict)
    """The same for rows that are narrower or broader: written back only when the author insists."""
    unmapped: Unmapped = field(default_factory=Unmapped)
    other: CodeTable | None = None

    def look_up(self, value: Json, seen: list[Looked]) -> Json:
        """Return our word for a foreign one, or do what the table says of a word it lacks."""
        key = value if value.__class__ is str else jsons.dumps(value)
        ours = self.rows.get(key, MISSING)
        if self.name:
            seen.append(Looked(self.name, key, ours is not MISSING))
        if ours is not MISSING:
            return ours
        if self.other is not None:
            return self.other.look_up(value, seen)
        if self.unmapped.policy == "pass":
            return value
        if self.unmapped.policy == "fixed":
            return self.unmapped.value
        guess = near(key, self.rows)
        fix = (f"Did the source mean {guess!r}? " if guess else "") + "Add the word to the table, or set `unmapped`."
        named = f"The table {self.name}" if self.name else "The table"
        made = ReviewError if self.unmapped.policy == "review" else UnmappedError
        error = made(f"{named} has no word {key!r}; it has {', '.join(list(self.rows)[:20])}.", fix)
        error.table, error.word = self.name, key
        raise error

    def back(self, value: Json, theirs: Json) -> Json:
        """Return the foreign word for ours: the one that means exactly it."""
        key = jsons.dumps(value)
        found = self.exact.get(key)
        if found is None and self.other is not None:
            return self.other.back(value, theirs)
        if found is None and self.unmapped.policy == "pass" and value.__class__ is str and value not in self.rows:
            return value
        if found is None:
            near_row = self.loose.get(key)
            why = f"No row of the table means exactly {value!r}" + (f"; {near_row!r} is only near it." if near_row else ".")
            raise StepError(why, "Mark the row that is to be written back as equivalent, or set reverse to never.")
        return found if theirs is MISSING or theirs.__class__ is str else _typed(found, theirs)

    def back_near(self, value: Json, theirs: Json) -> Json:
        """Return the foreign word for ours, also one that is only near it: its author insists."""
        key = jsons.dumps(value)
        if key in self.loose and key not in self.exact:
            found = self.loose[key]
            return found if theirs is MISSING or theirs.__class__ is str else _typed(found, theirs)
        return self.back(value, theirs)


def _typed(word: str, theirs: Json) -> Json:
    """Return a word as the number or boolean that the source holds there."""
    try:
        found = jsons.loads(word)
    except ValueError:
        return word
    return found if found.__class__ is theirs.__class__ else word


def compile_tables(specs: Iterable[CodeTableSpec]) -> tuple[dict[str, CodeTable], dict[str, Problem]]:
    """Return every table that can be used, and of the others why not: it asks one that is not there, or itself."""
    models = {spec.name: spec for spec in specs}
    tables = {name: _compiled(spec) for name, spec in models.items()}
    faults: dict[str, Problem] = {}
    for name, spec in models.items():
        asked = spec.unmapped.ask
        if asked is None:
            continue
        if asked not in models:
            faults[name] = unknown("unmapped.ask", "code table", asked, models)
        elif circle := _circle(name, models):
            what = f"It asks itself: {' -> '.join(circle)}."
            faults[name] = Problem("unmapped.ask", what, "Let one of these tables end with error, pass, fixed or review.")
        else:
            tables[name].other = tables[asked]
    return {name: table for name, table in tables.items() if name not in faults}, faults


def _circle(name: str, models: Mapping[str, CodeTableSpec]) -> list[str]:
    """Return the way from a table back to itself, or [] when it ends."""
    way = [name]
    while (following := models[way[-1]].unmapped.ask) is not None and following in models:
        way.append(following)
        if following == name:
            return way
        if following in way[:-1]:
            return []  # a circle further on: that table's own fault
    return []


def _compiled(spec: CodeTableSpec) -> CodeTable:
    table = _table(spec.name, spec.rows)
    table.unmapped = spec.unmapped
    return table


def _table(name: str, rows: Mapping[str, Json]) -> CodeTable:
    table = CodeTable(name, {})
    for word, written in rows.items():
        row = Row.of(written)
        table.rows[str(word)] = row.to
        where = table.exact if row.relation == "equivalent" else table.loose
        where.setdefault(jsons.dumps(row.to), str(word))
    return table


def _step(argument: Json, world: World) -> Lens:
    if isinstance(argument, str):
        if argument not in world.tables:
            guess = near(argument, world.tables)
            hint = f" Did you mean {guess!r}?" if guess else ""
            raise StepDefinitionError(f"there is no code table {argument!r}.{hint}")
        table = world.tables[argument]
    elif isinstance(argument, dict) and argument:
        try:
            table = _table("", argument)
        except ValidationError as error:
            said = error.errors(include_url=False)[0]
            raise StepDefinitionError(f"a row of the table is written wrong: {said['msg']}") from error
    else:
        raise StepDefinitionError("the step table takes the name of a code table or `word: our word` pairs")
    return Lens(table.look_up, table.back_near if world.insists else table.back, told=True, about=table)


STEPS = (
    Step(
        "table",
        "Look the word up, in a code table or in the pairs given here.",
        "查表:使用代码表或此处给出的对照。",
        _step,
        "problem",
        "open",
        {"problem": "open"},
        group="look-up",
    ),
)
