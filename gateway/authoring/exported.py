"""Writing the live definitions as a folder of YAML that plans as unchanged."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar

import yaml

from core.database import Database
from core.definitions import KINDS
from core.strict import YAML_FLOAT, YAML_INT, read_yaml
from core.words import Json
from gateway.authoring import landscape
from gateway.authoring.landscape import PACK
from gateway.authoring.packs import HEADER

FILES = {
    "entity": "entities.yaml",
    "code_table": "code_tables.yaml",
    "mapping": "mappings.yaml",
    "formula": "formulas.yaml",
    "recipe": "recipes.yaml",
    "bridge": "bridges.yaml",
}
WITHOUT_PACK = "own"
"""The folder for definitions that came without a pack."""


class _Dumper(yaml.SafeDumper):
    """Writes plain YAML without aliases; in quotes stands only what our reader would not take for the same text."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}  # type: ignore[misc] # the stub calls it an instance variable

    def ignore_aliases(self, data: Any) -> bool:
        """Every value is written out."""
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    lines = text.split("\n")
    style = None
    if not all(line.isprintable() for line in lines):
        style = '"'  # everything odd is escaped there
    elif len(lines) > 1 and not text[0].isspace() and all(line == line.rstrip() for line in lines):
        style = "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
for _tag, _read_as in (("null", ("", "~", "null")), ("bool", ("true", "True", "false", "False"))):
    _pattern = re.compile(rf"(?:{'|'.join(re.escape(word) for word in _read_as)})$")
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _pattern, None)
_Dumper.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(rf"(?:{YAML_INT.pattern})$"), None)
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(rf"(?:{YAML_FLOAT.pattern})$"), None)


def write_yaml(documents: list[Json]) -> str:
    r"""
    Write documents as YAML; ``core.strict.read_yaml`` gives the same documents back.

    >>> write_yaml([{"on": "no", "id": "007", "n": 7, "text": "7"}])
    "on: no\nid: 007\nn: 7\ntext: '7'\n"
    """
    texts = [yaml.dump(one, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=120) for one in documents]
    return "---\n".join(texts)


def export(db: Database, folder: Path | str, *, pack: str | None = None) -> list[Path]:
    """
    Write every live definition below a folder, one folder per pack; of one pack only, straight into it.

    Files of the same names are replaced; others are left alone. Comments are not kept: they live in git.
    """
    with db.read() as conn:
        live = landscape.live_versions(conn)
    texts: dict[Path, list[Json]] = {}
    for (kind, name), one in sorted(live.items(), key=lambda item: ((*KINDS, PACK).index(item[0][0]), item[0][1])):
        owner = name if kind == PACK else one.pack or WITHOUT_PACK
        if pack is not None and owner != pack:
            continue
        room = Path(folder) if pack is not None else Path(folder) / owner
        spec = {key: value for key, value in one.spec.items() if kind != PACK or key != "kind"}
        texts.setdefault(room / (HEADER if kind == PACK else FILES[kind]), []).append(spec)
    for room in {path.parent for path in texts}:
        texts.setdefault(room / HEADER, [{"name": room.name if pack is None else pack}])
    for path, documents in texts.items():
        text = write_yaml(documents)
        assert [one.value for one in read_yaml(text, str(path))] == documents, f"{path} would not be read as it was written"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return sorted(texts)
