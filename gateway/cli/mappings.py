"""`tieline mappings`: real records through mappings: explained, compared, turned into cases that are run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from core import jsons
from core.clock import to_rfc3339
from core.definitions import live
from core.errors import MalformedError, NotFoundError
from core.strict import read_json
from gateway.api import drafting as drafting_api
from gateway.api import mappings as api
from gateway.api import versions as versions_api
from gateway.authoring.inserted import insert_cases
from gateway.cli import exits
from gateway.cli.asked import bytes_of, form, window
from gateway.cli.desk import Desk, Said, plain
from gateway.cli.speech import Group, option, word
from gateway.cli.tables import brief, mark, show_table
from gateway.cli.versions import definitions_of

mappings = Group(
    "mappings",
    en="Mappings on real records: explain, compare, capture cases, test, draft.",
    zh="用真实记录检验映射：解释、对比、采集用例、测试、起草。",
)
_NAME = click.argument("name")
_FILE = option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    en="The mapping as it stands in this file, instead of a stored version.",
    zh="使用该文件中的映射，而非已保存的版本。",
)
_VERSION = option("--version", "n", type=click.IntRange(1), en="Which version; else the live one.", zh="版本号；默认生效版本。")
_CONNECTOR = option("--connector", en="Only records of this one.", zh="仅该连接器的记录。")


@mappings.add("list", en="List the live mappings.", zh="列出生效的映射。")
def list_all(desk: Desk) -> Said:
    """Show what is live and how many cases each has."""
    with desk.db.read() as conn:
        found = live(conn, "mapping")
    rows = [
        (
            one.name,
            f"{one.spec['from']['kind']}/{one.spec['from']['stream']}",
            one.spec["to"],
            one.n,
            len(one.spec.get("cases", [])),
        )
        for one in found
    ]
    items = [dict(zip(("name", "from", "to", "version", "cases"), row, strict=True)) for row in rows]
    return Said({"items": items}, lambda console: show_table(console, ("Name", "From", "Entity", "Version", "Cases"), rows))


@mappings.add(
    "explain", en="Say of each field: path, raw value, each step, policy.", zh="逐字段解释：路径、原始值、各步骤、策略。"
)
@_NAME
@option(
    "--event",
    "id_",
    en="Of this event or delivery (evt_…, rcp_…); else the newest record.",
    zh="指定事件或消息；默认最新记录。",
)
@option(
    "--record",
    type=click.Path(dir_okay=False, path_type=Path),
    en="Of the record in this JSON file.",
    zh="使用该 JSON 文件中的记录。",
)
@_VERSION
@_FILE
def explain(desk: Desk, name: str, id_: str | None, record: Path | None, n: int | None, file: Path | None) -> Said:
    """Trace one record."""
    given = None if record is None else _record(record)
    body = form(api.Explained, version=n, definition=_definition(name, file), record=given, id=id_)
    found = api.explain_mapping(desk.call, name, body)

    def show(console: Console) -> None:
        rows = [
            (one.field, one.path, brief(_said(one.raw), 60) if one.found else "∅", _steps(one), _end(one), one.policy)
            for one in found.fields
        ]
        show_table(console, ("Field", "From", "Raw", "Steps", "Value", "Policy"), rows)
        for one in found.fields:
            if one.why:
                console.print(f"[bold red]✗[/] {escape(f'{one.field}: {one.why} {one.fix or str()}')}", soft_wrap=True)
        if found.refused:
            console.print(word("The record is refused: nothing of it is written.", "该记录被拒绝：不会写入任何内容。"))

    return Said(plain(found), show)


@mappings.add(
    "compare",
    en="Run two versions over the same real records: changed, newly failing, newly fixed.",
    zh="用同一批真实记录对比两个版本：变化、新失败、新修复。",
)
@_NAME
@_VERSION
@_FILE
@option("--against", type=click.IntRange(1), en="The other version; else the live one.", zh="对比的版本；默认生效版本。")
@option("--last", type=click.IntRange(1, 10_000), default=200, show_default=True, en="So many records.", zh="记录条数。")
@window
@_CONNECTOR
def compare(desk: Desk, name: str, n: int | None, file: Path | None, *, against: int | None, **where: Any) -> Said:  # fmt: skip
    """Compare into a report; nothing is stored."""
    body = form(api.ToCompare, version=n, definition=_definition(name, file), against=against, **_window(where))
    with desk.waiting(word("Comparing …", "对比中 …")):
        found = api.compare_mapping(desk.call, name, body)
    bad = found.counts.newly_failing > 0
    return Said(plain(found), lambda console: _show_comparison(console, found), exits.PROBLEM if bad else exits.OK)


@mappings.add(
    "capture",
    en="Turn the last real records into cases, personal parts masked.",
    zh="将最近的真实记录转为用例（个人信息已脱敏）。",
)
@_NAME
@option("--last", type=click.IntRange(1, 200), default=20, show_default=True, en="So many records.", zh="记录条数。")
@window
@_CONNECTOR
@_VERSION
@option("--whole", is_flag=True, en="Keep what the mapping does not read, too.", zh="同时保留映射未读取的部分。")
@option(
    "--into",
    type=click.Path(path_type=Path),
    en="Append them to the mapping in this file or folder; else they are printed.",
    zh="追加到该文件或目录中的映射；默认打印。",
)
def capture(desk: Desk, name: str, n: int | None, *, whole: bool, into: Path | None, **where: Any) -> Said:  # fmt: skip
    """Make cases for a person to correct."""
    body = form(api.ToCapture, version=n, whole=whole, **_window(where))
    found = api.capture_cases(desk.call, name, body)
    file = insert_cases(into, name, found.cases) if into is not None and found.cases else None

    def show(console: Console) -> None:
        if not found.cases:
            console.print(word("No record says anything that a case does not say already.", "没有可新增的用例。"))
        elif file is None:
            console.print(escape(found.yaml), soft_wrap=True, end="")
        else:
            text = word(
                f"{len(found.cases)} cases written into {file}. Correct `expect` where today is wrong, then `tieline plan`.",
                f"已将 {len(found.cases)} 个用例写入 {file}。请更正 expect 中不对之处，然后执行 tieline plan。",
            )
            console.print(escape(text), soft_wrap=True)

    return Said(plain(found) | {"file": None if file is None else str(file)}, show)


@mappings.add("test", en="Run the cases of mappings.", zh="运行映射的用例。")
@click.argument("names", nargs=-1)
@option("--version", "n", type=click.IntRange(1), en="Of this version; else of the live one.", zh="指定版本；默认生效版本。")
def test(desk: Desk, names: tuple[str, ...], n: int | None) -> Said:
    """Run cases of the named mappings, or of all that are live."""
    with desk.db.read() as conn:
        known = {one.name: one.n for one in live(conn, "mapping")}
    if n is not None and len(names) != 1:
        raise click.UsageError(word("--version needs exactly one name.", "--version 需要且仅需要一个名称。"))
    reports = []
    for name in names or known:
        version = n if n is not None else known.get(name)
        reports.append(versions_api.test_version(desk.call, "mapping", name, form(versions_api.OfVersion, version=version)))
    tried = [(one.name, case) for one in reports for case in one.cases]
    failed = sum(not case.passes for _, case in tried)

    def show(console: Console) -> None:
        for name, case in tried:
            console.print(f"{mark(case.passes)} {escape(name)}: {escape(case.case)}")
            for fault in case.problems:
                console.print(f"    {escape(fault.what)}", soft_wrap=True)
        console.print(word(f"{len(tried)} cases, {failed} failed.", f"共 {len(tried)} 个用例，{failed} 个失败。"))

    document = {"items": [plain(one) for one in reports], "cases": len(tried), "failed": failed}
    return Said(document, show, exits.PROBLEM if failed or not all(one.ok for one in reports) else exits.OK)


def _window(given: dict[str, Any]) -> dict[str, Any]:
    """Return the window as the API reads it: times as text, what was not given left out."""
    times = {name: to_rfc3339(given[name]) for name in ("since", "until")}
    return {name: one for name, one in {**given, **times}.items() if one is not None}


def _record(file: Path) -> dict[str, Any]:
    found = read_json(bytes_of(file))
    if not isinstance(found, dict):
        raise click.UsageError(word(f"{file} holds no JSON object.", f"{file} 不是 JSON 对象。"))
    return found


def _definition(name: str, file: Path | None) -> dict[str, Any] | None:
    if file is None:
        return None
    for kind, one, spec in definitions_of(file):
        if (kind, one) == ("mapping", name):
            return spec
    raise NotFoundError(
        f"{file} does not hold the mapping {name!r}.", why="Its definitions have other names.", fix="Name another."
    )


def _said(value: Any) -> str:
    return value if isinstance(value, str) else jsons.dumps(value)


def _steps(one: api.FieldTrace) -> str:
    told = []
    for step in one.steps:
        name = step.step if isinstance(step.step, str) else next(iter(step.step))
        end = "✗" if step.why else "∅" if step.gone else _said(step.value)
        told.append(f"{name} → {brief(end, 40)}")
    return "; ".join(told)


def _end(one: api.FieldTrace) -> str:
    return brief(_said(one.value), 60) if one.written and one.state == "present" else one.state


def _show_comparison(console: Console, found: api.Comparison) -> None:
    counts = found.counts
    text = word(
        f"{found.looked_at} records: {counts.same} the same, {counts.changed} changed, "
        f"{counts.newly_failing} newly failing, {counts.newly_fixed} newly fixed, {found.failing} failing as before.",
        f"{found.looked_at} 条记录：{counts.same} 相同，{counts.changed} 变化，"
        f"{counts.newly_failing} 新失败，{counts.newly_fixed} 新修复，{found.failing} 仍失败。",
    )
    console.print(text)
    for one in found.fields:
        for example in one.examples:
            before, after = (brief(_shown(side), 60) for side in (example.before, example.after))
            line = f"{one.field} · {example.verdict} · {example.external_id}: {before} → {after}"
            console.print(escape(line), soft_wrap=True)
            if example.after.why:
                console.print(f"    {escape(example.after.why)}", soft_wrap=True)


def _shown(side: api.Side) -> str:
    return _said(side.value) if side.state == "present" else side.state


@mappings.add(
    "draft",
    en="Propose a mapping from what a connector sent, or from samples: YAML with a reason per field.",
    zh="根据连接器发来的记录或样例起草映射：输出带理由的 YAML。",
)
@option("--connector", required=True, en="Whose records.", zh="连接器。")
@option("--entity", required=True, en="What they are to become.", zh="目标实体。")
@option("--stream", en="Which stream; needed where there are several.", zh="数据流；有多个时必填。")
@option(
    "--sample",
    type=click.Path(dir_okay=False, path_type=Path),
    en="JSON file with one record, a list of them, or one a line; else what was really sent.",
    zh="JSON 文件：一条记录、记录列表或每行一条；默认使用真实记录。",
)
@option("--last", type=click.IntRange(1, 500), default=100, show_default=True, en="So many real records.", zh="真实记录条数。")
@option("--zone", en="Of times that tell none, such as Asia/Shanghai.", zh="未注明时区的时间所用时区，如 Asia/Shanghai。")
def draft(desk: Desk, sample: Path | None, **given: Any) -> Said:
    """Print a draft; nothing is stored."""
    samples = None if sample is None else _samples(sample)
    found = drafting_api.draft_mapping(desk.call, form(drafting_api.ToDraft, records=samples, **given))
    return Said(plain(found), lambda console: console.print(escape(found.yaml), soft_wrap=True, end=""))


def _samples(file: Path) -> list[dict[str, Any]]:
    """Read a JSON object, a list of objects, or one object a line."""
    body = bytes_of(file)
    try:
        found = read_json(body)
    except MalformedError:
        lines = [line for line in body.splitlines() if line.strip()]
        if len(lines) < 2:
            raise
        found = [read_json(line) for line in lines]
    listed = found if isinstance(found, list) else [found]
    if not listed or not all(isinstance(one, dict) for one in listed):
        raise click.UsageError(word(f"{file} holds something that is no JSON object.", f"{file} 中含有非 JSON 对象的内容。"))
    return listed[: drafting_api.MOST_SAMPLES]
