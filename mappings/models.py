"""
What people may write about fields: the models of entity, mapping, formula and code table.

Unknown words are refused here (``extra="forbid"``); what refers to other definitions (a field, a
stream, a table) is checked by ``mappings.specs``.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.definitions import Problem
from core.words import Json
from mappings.matching.spec import MatchSpec

Policy: TypeAlias = Literal["error", "skip", "default", "quarantine"]
NullPolicy: TypeAlias = Literal["error", "skip", "default", "quarantine", "write"]
FieldWord: TypeAlias = Literal["string", "integer", "number", "boolean", "time", "list", "object", "ref"]
Survivorship: TypeAlias = Literal["sources", "newest", "longest", "most_complete"]
"""``sources``: the order of trust; ``newest``: without it; ``most_complete``: of the record that says most."""
Relation: TypeAlias = Literal["equivalent", "narrower", "broader"]
ContractMode: TypeAlias = Literal["evolve", "freeze", "quarantine"]

RESERVED = ("id",)
"""Field names that mean something already: ``alert.id`` is the master ID itself."""


def _plain_name(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError(
            "use a lower-case ASCII name such as spare_part: expressions read it; the title may be in any language"
        )
    return name


def _slug(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_-]*", name):
        raise ValueError("use a lower-case ASCII name such as zabbix-problems")
    return name


FieldName = Annotated[str, AfterValidator(_plain_name)]
Slug = Annotated[str, AfterValidator(_slug)]


class Strict(BaseModel):
    """A part of a definition: a word that is not known is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Title(Strict):
    """A short text for people in both languages."""

    en: str
    zh: str


class FieldSpec(Strict):
    """One field of an entity: its type, and the closed list of its words where there is one."""

    type: FieldWord
    title: Title | None = None
    help: Title | None = None
    words: tuple[str, ...] | None = None
    to: str | None = None
    unit: str | None = None
    """The unit it is held in; a UCUM symbol where a mapping converts into it."""
    pii: bool = False
    """Whether it tells of a person: what could not be used of it is not quoted in messages, and cases hide it."""

    @model_validator(mode="after")
    def _consistent(self) -> FieldSpec:
        if (self.type == "ref") != (self.to is not None):
            raise ValueError("a field of type ref names its entity with `to`, and only such a field does")
        if self.words is not None and self.type != "string":
            raise ValueError("only a string field has a closed list of words")
        return self


class EntitySpec(Strict):
    """A canonical type, its fields, and whose word counts when several sources disagree."""

    kind: Literal["entity"] = "entity"
    name: FieldName
    prefix: Annotated[str, Field(pattern=r"^[A-Z]{2,8}$")]
    title: Title
    help: Title | None = None
    fields: dict[FieldName, FieldSpec]
    sources: dict[str, list[str]] = Field(default_factory=dict)
    """Connector names in order of trust, per field or "*"; without one the newest source time wins."""
    survive: dict[str, Survivorship] = Field(default_factory=dict)
    """Which claim wins where sources disagree, per field or "*", before the newest time decides."""
    match: MatchSpec | None = None
    """How a machine tells whether two of them are one; without it nothing is ever matched."""

    @model_validator(mode="after")
    def _fields_exist(self) -> EntitySpec:
        for what, names in (("match", self.match.fields if self.match else ()), ("survive", self.survive)):
            if unknown := sorted(set(names) - set(self.fields) - ({"*"} if what == "survive" else set())):
                raise ValueError(f"`{what}` names {', '.join(unknown)}, which is no field of this entity")
        return self


class FromSpec(Strict):
    """Which records a mapping reads: a stream of a kind, or of one connector of that kind."""

    kind: str
    stream: str
    connector: str | None = None


class MappedField(Strict):
    """
    How one target field is read: path, steps, table, and what to do in each of the four states.

    ``error`` refuses the whole record (nothing of it is written), ``skip`` leaves the field as it was,
    ``default`` writes the given default, ``quarantine`` keeps the raw value as an invalid observation that
    never wins, and ``write`` (null only) writes that the source says there is none.
    """

    from_: str = Field(alias="from")
    steps: list[Json] = Field(default_factory=list)
    table: str | dict[str, Json] | None = None
    unmapped: Literal["error", "skip", "default", "quarantine", "keep"] = "error"
    on_missing: Policy = "skip"
    on_null: NullPolicy = "write"
    on_invalid: Policy = "error"
    default: Json = None
    unit: str | None = None
    """The unit the source speaks in (UCUM), when it is not that of the field: the value is converted last."""
    zone: str | None = None
    """The time zone of a source that writes local times without one."""
    pii: bool = False
    reverse: Literal["auto", "never", "always"] = "auto"
    """
    Whether a bridge may write the field back through this mapping: ``auto`` when the laws hold, ``never``, or ``always``
    although a law fails and the counterexample was seen.
    """

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"from": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _has_default(self) -> MappedField:
        policies = (self.on_missing, self.on_null, self.on_invalid, self.unmapped if self.table is not None else "error")
        if ("default" in policies) != ("default" in self.model_fields_set):
            raise ValueError("the policy `default` needs a `default`, and a `default` needs a policy that uses it")
        if self.table is None and "unmapped" in self.model_fields_set:
            raise ValueError("`unmapped` says what happens to a word that the `table` lacks, and there is no table")
        return self


class Case(Strict):
    """A record and the fields it must become; publishing is refused while a case fails."""

    name: str
    given: dict[str, Json]
    expect: dict[str, Json]
    lacks: list[str] = Field(default_factory=list)
    """Fields that must not be written."""
    refused: bool = False
    """True: this record must be refused by the mapping (a policy `error` applies)."""


class ContractSpec(Strict):
    """What happens when a source sends another form than it did: for all paths, and for single ones."""

    mode: ContractMode = "evolve"
    paths: dict[str, ContractMode] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"mode": value} if isinstance(value, str) else value

    def mode_of(self, path: str) -> ContractMode:
        """
        Return the mode that counts for a path: its own, else that of the nearest path above it, else the general one.

        >>> ContractSpec(mode="freeze", paths={"$.tags": "evolve"}).mode_of("$.tags[*].tag")
        'evolve'
        """
        above = [one for one in self.paths if path == one or path.startswith((f"{one}.", f"{one}["))]
        return self.paths[max(above, key=len)] if above else self.mode

    def holds(self, path: str) -> bool:
        """Say whether a record waits that is otherwise than agreed at this path."""
        return self.mode_of(path) == "quarantine"

    @property
    def may_hold(self) -> bool:
        """Say whether any record may have to wait."""
        return self.mode == "quarantine" or "quarantine" in self.paths.values()


class MappingSpec(Strict):
    """How a stream's record becomes an entity's fields. Fields that are not listed are never written."""

    kind: Literal["mapping"] = "mapping"
    name: Slug
    from_: FromSpec = Field(alias="from")
    to: str
    fields: dict[str, MappedField]
    contract: ContractSpec = Field(default_factory=ContractSpec)
    cases: list[Case] = Field(default_factory=list)


class FormulaSpec(Strict):
    """A field computed from fields of the same entity, in CEL."""

    kind: Literal["formula"] = "formula"
    name: Slug
    title: Title | None = None
    of: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")]
    expression: str


class Row(Strict):
    """One line of a code table with how exact it is; the plain form ``a: b`` is an equivalent one."""

    to: Json
    relation: Relation = "equivalent"

    @classmethod
    def of(cls, written: Json) -> Row:
        """
        Return a row as written: ``open``, or ``{to: open, relation: broader}``.

        >>> Row.of("open").relation
        'equivalent'
        """
        return cls.model_validate(written) if isinstance(written, dict) and "to" in written else cls(to=written)


def _row(written: Json) -> Json:
    """Refuse a row that is written wrong, at its word."""
    if isinstance(written, dict):
        try:
            Row.model_validate(written)
        except ValidationError as error:
            said = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_url=False))
            raise ValueError(
                f"a row is our word, or {{to: our word, relation: equivalent, narrower or broader}}: {said}"
            ) from None
    return written


class Unmapped(Strict):
    """
    What a table makes of a word that it lacks: ``error``, ``pass`` (the word itself), ``review``, ``{fixed: word}``,
    ``{ask: table}``.

    ``review`` quarantines the field and asks a steward; a mapping's field may say otherwise for itself.
    """

    policy: Literal["error", "pass", "fixed", "review"] = "error"
    value: Json = None
    ask: Slug | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, written: Any) -> Any:
        if isinstance(written, str):
            if written == "fixed":
                raise ValueError("write the word that is used: {fixed: other}")
            return {"policy": written}
        if isinstance(written, dict) and "fixed" in written:
            return {
                **{key: one for key, one in written.items() if key != "fixed"},
                "policy": "fixed",
                "value": written["fixed"],
            }
        return written


class CodeTableSpec(Strict):
    """Foreign words and ours, shared by several mappings."""

    kind: Literal["code_table"] = "code_table"
    name: Slug
    title: Title | None = None
    rows: dict[str, Annotated[Json, AfterValidator(_row)]]
    unmapped: Unmapped = Field(default_factory=Unmapped)


Spec: TypeAlias = EntitySpec | MappingSpec | FormulaSpec | CodeTableSpec

MODELS: dict[str, type[EntitySpec] | type[MappingSpec] | type[FormulaSpec] | type[CodeTableSpec]] = {
    "entity": EntitySpec,
    "mapping": MappingSpec,
    "formula": FormulaSpec,
    "code_table": CodeTableSpec,
}


def read(kind: str, spec: dict[str, Any]) -> Spec | list[Problem]:
    """
    Return the model of a written definition, or everything that is wrong with its form.

    >>> read("formula", {"name": "p", "of": "alert.priority", "expresion": "1"})[0].path
    'expression'
    """
    try:
        return MODELS[kind].model_validate(spec)
    except ValidationError as error:
        return [_problem(found, MODELS[kind]) for found in error.errors(include_url=False)]


def _problem(found: Any, model: type[BaseModel]) -> Problem:
    path = ".".join(str(part) for part in found["loc"])
    if found["type"] == "extra_forbidden":
        known = sorted(field.alias or name for name, field in model.model_fields.items()) if len(found["loc"]) == 1 else []
        listed = f" Known here: {', '.join(known)}." if known else ""
        return Problem(path, f"The word {found['loc'][-1]!r} means nothing here.", f"Correct or remove it.{listed}")
    if found["type"] == "missing":
        return Problem(path, f"{path!r} is missing.", "Add it.")
    return Problem(path, str(found["msg"]).removeprefix("Value error, ") + ".", f"It says {found['input']!r} now.")
