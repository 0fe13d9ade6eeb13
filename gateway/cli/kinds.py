"""`tieline kinds`: which systems can be connected, how far each is proven, and how to add one of your own."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from connectors.kit.declared import evidence
from connectors.kit.declared.connector import connector_of
from connectors.kit.declared.exchanges import Script, read_exchanges, replay
from connectors.kit.declared.reading import read_manifest_file
from connectors.kit.declared.scaffold import scaffold
from connectors.kit.declared.schema import json_schema
from connectors.registry import add_folder, connector_class, kind_names, manifest_path, sheet_of
from core.errors import NotFoundError
from gateway.api import kinds as api
from gateway.cli import exits
from gateway.cli.connectors import show_kind
from gateway.cli.desk import Desk, Said, plain
from gateway.cli.speech import Group, option, word
from gateway.cli.tables import mark, show_table

kinds = Group("kinds", en="Which systems can be connected, and how far each is proven.", zh="可连接的系统类型及其验证程度。")


@kinds.add("list", en="List every kind, with the evidence there is for it.", zh="列出所有类型及其验证依据。")
def list_kinds(desk: Desk) -> Said:
    """List all kinds by name."""
    add_folder(Path(desk.settings.kinds_folder))
    found = [connector_class(name).kind for name in kind_names()]
    sheets = {kind.name: sheet_of(kind.name) for kind in found}

    def show(console: Console) -> None:
        rows = [
            (kind.name, word(kind.title.en, kind.title.zh), sheets[kind.name].level, str(sheets[kind.name].evidence[0].date))
            for kind in found
        ]
        show_table(console, ("Kind", "Title", "Evidence", "At"), rows)

    return Said({"items": [plain(api.answer(kind)) for kind in found]}, show)


@kinds.add("show", en="Show one kind: settings, streams, lookups, acts, evidence.", zh="显示一种类型的设置、能力与依据。")
@click.argument("name")
def show_one(desk: Desk, name: str) -> Said:
    """Describe one kind wholly."""
    add_folder(Path(desk.settings.kinds_folder))
    kind = connector_class(name).kind
    sheet = sheet_of(name)

    def show(console: Console) -> None:
        show_kind(console, kind)
        console.print()
        rows = [(one.level, str(one.date), one.version, one.what) for one in sheet.evidence]
        show_table(console, ("Evidence", "At", "From", "Detail"), rows)
        open_points = [(rule, state, why) for rule, (state, why) in sheet.rules.items() if state != "done"]
        if open_points:
            console.print()
            show_table(console, ("Name", "Status", "Reason"), open_points)

    return Said(plain(api.answer(kind)), show)


@kinds.add("schema", en="Print the JSON Schema of manifests, for editors.", zh="输出清单的 JSON Schema，供编辑器使用。")
def schema(desk: Desk) -> Said:
    """Print the schema; it is JSON either way."""
    document = json_schema()
    return Said(document, lambda console: console.print_json(data=document))


@kinds.add(
    "new", en="Write the first manifest of a kind of your own; it passes, then you change it.", zh="生成新类型的清单骨架。"
)
@click.argument("kind")
@option("--title", en="What people call the system.", zh="系统名称。")
@option(
    "--folder",
    type=click.Path(path_type=Path),
    en="Where; else the folder of your own kinds.",
    zh="目录；默认为自定义类型目录。",
)
def new(desk: Desk, kind: str, title: str | None, folder: Path | None) -> Said:
    """Scaffold a kind."""
    home = folder or Path(desk.settings.kinds_folder)
    day = time.strftime("%Y-%m-%d", time.gmtime())
    made = scaffold(home, kind, title or kind.replace("_", " ").title(), day)

    def show(console: Console) -> None:
        for one in made:
            console.print(f"  {escape(str(one))}")
        console.print(
            word(
                f"Change them, then: tieline kinds check {made[0].parent}", f"修改后执行：tieline kinds check {made[0].parent}"
            )
        )

    return Said({"files": [str(one) for one in made]}, show)


@kinds.add("check", en="Check a manifest and replay its exchanges.", zh="检查清单并重放其交互样例。")
@click.argument("kind")
def check(desk: Desk, kind: str) -> Said:
    """Check a kind by name, or a folder, or a manifest file."""
    add_folder(Path(desk.settings.kinds_folder))
    path = _place(kind)
    manifest = read_manifest_file(path)
    collection = read_exchanges(path.parent)
    made = connector_of(manifest)
    results: list[tuple[str, list[str]]] = []
    with Script() as script:
        results = [(one.exchange, replay(made, one, collection.settings, script)) for one in collection.exchanges]
    level = evidence.highest(manifest, collection)
    missing = [part for part, sure in evidence.sources_of(manifest, collection).items() if sure not in ("medium", "high")]
    document = {
        "kind": manifest.kind,
        "level": level,
        "exchanges": [{"exchange": name, "ok": not faults, "faults": faults} for name, faults in results],
        "without_source": missing,
    }
    failed = any(faults for _, faults in results)
    return Said(document, partial(_show_check, results, level, missing), exits.PROBLEM if failed else exits.OK)


def _show_check(results: list[tuple[str, list[str]]], level: str, missing: list[str], console: Console) -> None:
    for name, faults in results:
        console.print(f"  {mark(not faults)} {escape(name)}")
        for fault in faults:
            console.print(f"      {escape(fault)}", soft_wrap=True)
    if missing:
        console.print(word("  without a sourced exchange: ", "  缺少有出处的样例：") + escape(", ".join(missing)))
    console.print(word(f"  its exchanges carry: {level}", f"  样例可支持的验证程度：{level}"))


def _place(kind: str) -> Path:
    given = Path(kind)
    if given.is_dir() and (given / "manifest.yaml").is_file():
        return given / "manifest.yaml"
    if given.is_file():
        return given
    found = manifest_path(kind)
    if found is None:
        connector_class(kind)  # names the known ones, unless the kind has code of its own
        raise NotFoundError(
            f"The kind {kind!r} has no manifest.", why="It has code of its own.", fix="Its laws run in tests/connectors/."
        )
    return found
