"""
The quality sheet of a kind: ``connectors/<kind>/quality.yaml``, read by people, the catalogue and a test.

    kind: zabbix
    evidence:                      # the highest level counts; levels, from weak to strong, are in LEVELS
      - {level: real, date: 2026-11-23, version: "6.0.14", what: "story 1, manual close forbidden"}
    rules:
      timeouts: done
      private-ca: {todo: "pyzabbix takes the path, but no test proves it"}
      parse-pushed: {exempt: "this system cannot push"}

Every rule of RULES is there, as ``done``, or as ``todo`` or ``exempt`` with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from core.errors import DefinitionError

LEVELS = ("declared", "documented", "recorded", "real")
"""What was proven against: nothing yet, the vendor's manual, payloads a real system produced, the running system."""

RULES: dict[str, str] = {
    "settings-described": "every setting has a title, a Chinese title, and a description or pattern where it can be mistaken",
    "settings-strict": "unknown settings are refused; secrets are SecretStr",
    "secrets-masked": "no secret in a repr, an error or a check report, even when the far side echoes it",
    "error-families": "401, 403, 429, 5xx, silence and refusals become the right family",
    "retry-after": "the far side's wish to wait is kept in seconds",
    "foreign-words": "a refusal keeps the far side's own words",
    "timeouts": "every request ends in time",
    "private-ca": "a private CA can be named; verification is never off",
    "parse-pure": "the same delivery gives the same records, without network or clock",
    "parse-total": "hostile bodies give an InputError and nothing else",
    "parse-pushed": "a pushed body becomes the declared record of the polled stream of that name",
    "unknown-words": "an unknown word in a closed list is an error that lists the known ones",
    "declared-fields": "records and answers hold declared fields only, of their types",
    "paged": "pages are followed by a cursor; nothing is lost or read for ever",
    "one-effect": "the same key sent twice has one effect, or the act says that it may repeat",
    "read-back": "every act can be verified by reading back",
    "check-proves": "check() names each thing it proves, only reads, and says the fix when it fails",
    "echoes": "our own writes can be recognised when they come back (version or actor)",
}


class Evidence(BaseModel):
    """What was proven, when, and with which version of the foreign system."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: Literal["declared", "documented", "recorded", "real"]
    date: date
    version: str = Field(min_length=1)
    what: str = Field(min_length=1)


class _Todo(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    todo: str = Field(min_length=8)


class _Exempt(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    exempt: str = Field(min_length=8)


class _Sheet(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: str
    evidence: Annotated[list[Evidence], Field(min_length=1)]
    rules: dict[str, Literal["done"] | _Todo | _Exempt]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A kind's sheet: rule -> (done | todo | exempt, why), and its evidence, strongest first."""

    kind: str
    rules: dict[str, tuple[str, str]]
    evidence: tuple[Evidence, ...]

    @property
    def level(self) -> str:
        """The strongest evidence there is."""
        return self.evidence[0].level


def read_sheet(kind: str, folder: Path | None = None) -> Sheet:
    """Read and check the sheet of a kind, its own folder given or not; every fault is named at once."""
    home = files("connectors")
    places = [folder] if folder is not None else [home.joinpath(kind), home.joinpath("catalogue", kind)]
    for place in places:
        try:
            return check_sheet(kind, place.joinpath("quality.yaml").read_text(encoding="utf-8"))
        except OSError:
            continue
    raise _invalid(kind, ["there is no such file"])


def check_sheet(kind: str, text: str) -> Sheet:
    """Return the sheet a text holds, or raise DefinitionError with every fault."""
    try:
        sheet = TypeAdapter(_Sheet).validate_python(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise _invalid(kind, [f"it is not YAML: {error}"]) from None
    except ValidationError as error:
        raise _invalid(kind, [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]) from None
    faults = [f"rule {name} is missing" for name in RULES if name not in sheet.rules]
    faults += [f"rule {name} is unknown" for name in sheet.rules if name not in RULES]
    if sheet.kind != kind:
        faults.append(f"kind is {sheet.kind!r}, not {kind!r}")
    if faults:
        raise _invalid(kind, faults)
    rules = {name: _status(sheet.rules[name]) for name in RULES}
    return Sheet(kind, rules, tuple(sorted(sheet.evidence, key=lambda one: (LEVELS.index(one.level), one.date), reverse=True)))


def _status(given: str | _Todo | _Exempt) -> tuple[str, str]:
    if isinstance(given, _Todo):
        return "todo", given.todo
    if isinstance(given, _Exempt):
        return "exempt", given.exempt
    return "done", ""


def _invalid(kind: str, faults: list[str]) -> DefinitionError:
    return DefinitionError(
        f"The quality sheet connectors/{kind}/quality.yaml is not valid.",
        why="; ".join(faults) + ".",
        fix="Give every rule of connectors.kit.quality.RULES as done, or as todo or exempt with the reason.",
    )
