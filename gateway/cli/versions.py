"""`tieline versions`: one definition's way from draft to live, and what differs between two versions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from core.definitions import KINDS
from core.errors import MalformedError
from core.strict import read_yaml
from gateway.api import definitions as stored
from gateway.api import versions as api
from gateway.cli import exits
from gateway.cli.asked import form, text_of
from gateway.cli.desk import Desk, Said, plain
from gateway.cli.speech import Group, language, option, word
from gateway.cli.tables import mark, show_table

versions = Group(
    "versions",
    en="Versions of a definition: draft, tested, live, retired.",
    zh="定义的版本：草稿、已测试、生效、退役。",
)
_KIND = click.argument("kind", type=click.Choice(KINDS))
_NAME = click.argument("name")
_VERSION = option("--version", "n", type=click.IntRange(1), en="Which one; else the newest.", zh="版本号；默认最新版本。")


@versions.add("list", en="List every version of a definition.", zh="列出定义的全部版本。")
@_KIND
@_NAME
def list_all(desk: Desk, kind: str, name: str) -> Said:
    """Show versions, the newest first."""
    found = stored.list_versions(desk.call, kind, name)

    def show(console: Console) -> None:
        rows = [
            (one.version, one.state, one.author, desk.when(one.created_at), desk.when(one.published_at), one.pack)
            for one in found.items
        ]
        show_table(console, ("Version", "State", "Author", "Created", "Published", "Pack"), rows)

    return Said(plain(found), show)


@versions.add("diff", en="Say what differs between two versions.", zh="说明两个版本之间的差异。")
@_KIND
@_NAME
@option("--before", type=click.IntRange(1), en="The one; else the live one.", zh="版本一；默认生效版本。")
@option("--after", type=click.IntRange(1), en="The other; else the newest.", zh="版本二；默认最新版本。")
def diff(desk: Desk, kind: str, name: str, before: int | None, after: int | None) -> Said:
    """Tell differences in sentences."""
    found = api.diff_versions(desk.call, kind, name, form(api.Between, before=before, after=after))

    def show(console: Console) -> None:
        console.print(f"[bold]{escape(name)}[/] {found.before} → {found.after}")
        for one in found.items:
            console.print(f"• {escape(one.zh if language() == 'zh' else one.en)}", soft_wrap=True)
        if not found.items:
            console.print(word("They say the same.", "内容相同。"))

    return Said(plain(found), show)


@versions.add(
    "save", en="Keep the definitions of a file as drafts; nothing becomes live.", zh="将文件中的定义保存为草稿（不生效）。"
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def save(desk: Desk, file: Path) -> Said:
    """Save every definition of a YAML file as a draft."""
    call = desk.call_to_write()
    saved = [api.save_draft(call, kind, name, form(api.Draft, spec=spec)) for kind, name, spec in definitions_of(file)]

    def show(console: Console) -> None:
        for one in saved:
            console.print(
                word(
                    f"{one.kind} {one.name}: version {one.version} ({one.state})",
                    f"{one.kind} {one.name}：第 {one.version} 版（{one.state}）",
                )
            )

    return Said({"items": [plain(one) for one in saved]}, show)


@versions.add(
    "test",
    en="Check a version and run its cases; a draft that passes is tested.",
    zh="检查某版本并运行其用例；通过的草稿变为已测试。",
)
@_KIND
@_NAME
@_VERSION
def test(desk: Desk, kind: str, name: str, n: int | None) -> Said:
    """Test a version beside what is live."""
    found = api.test_version(desk.call, kind, name, form(api.OfVersion, version=n))

    def show(console: Console) -> None:
        for one in found.cases:
            console.print(f"{mark(one.passes)} {escape(one.case)}")
        for fault in found.problems:
            text = f"{fault.kind} {fault.name} · {fault.path}: {fault.what} {fault.fix}"
            console.print(f"[bold red]✗[/] {escape(text)}", soft_wrap=True)
        console.print(word(f"Version {found.version}: {found.state}", f"第 {found.version} 版：{found.state}"))

    return Said(plain(found), show, exits.OK if found.ok else exits.PROBLEM)


@versions.add("publish", en="Make a version live; refused unless its cases pass.", zh="发布某版本；用例未通过则拒绝。")
@_KIND
@_NAME
@_VERSION
def publish(desk: Desk, kind: str, name: str, n: int | None) -> Said:
    """Publish one version."""
    made = api.publish_version(desk.call, kind, name, form(api.OfVersion, version=n))
    text = word(f"{kind} {name}: version {made.version} is live.", f"{kind} {name}：第 {made.version} 版已生效。")
    return Said(plain(made), lambda console: console.print(escape(text)))


def definitions_of(file: Path) -> list[tuple[str, str, dict[str, Any]]]:
    """Return kind, name and document of every definition in a file."""
    found = []
    for document in read_yaml(text_of(file), str(file)):
        spec = document.value
        if not isinstance(spec, dict) or not all(isinstance(spec.get(one), str) for one in ("kind", "name")):
            why = f"{file}:{document.line}: a definition is an object with kind and name."
            raise MalformedError("The file holds something that is no definition.", why=why, fix="Write kind: and name:.")
        found.append((spec["kind"], spec["name"], spec))
    return found
