"""Writing the live definitions as a folder of YAML that plans as unchanged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from core.database import Database
from core.definitions import KINDS
from core.strict import read_yaml
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
    """Writes plain YAML without aliases, and in quotes whatever our reader would not take for the same text."""

    def ignore_aliases(self, data: Any) -> bool:
        """Every value is written out."""
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    if "\n" in text and not any(line.endswith(" ") for line in text.split("\n")):
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|")
    plain = text and text.isprintable() and not text[0].isdigit() and text[0] not in "+-."
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(str, _text)


def write_yaml(documents: list[Json]) -> str:
    r"""
    Write documents as YAML; ``core.strict.read_yaml`` gives the same documents back.

    >>> write_yaml([{"on": "no", "id": "007", "n": 7}])
    '"on": "no"\nid: "007"\nn: 7\n'
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
