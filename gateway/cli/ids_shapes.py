"""`tieline ids shapes`, `shape`, `placeholders`: what the ids of each source look like, and what is none."""

from __future__ import annotations

import click
from rich.console import Console
from rich.markup import escape

from gateway.api import id_shapes as api
from gateway.cli import exits
from gateway.cli.asked import form
from gateway.cli.desk import Desk, Said, plain
from gateway.cli.speech import Group, option, word
from gateway.cli.tables import mark, show_table

shapes = Group("shapes", en="What ids look like.", zh="编号格式。")


@shapes.add(
    "shapes",
    en="Show what the ids of each source look like: declared, or learned from the first of them.",
    zh="显示各来源的编号格式：已声明的，或由首批编号学习得到的。",
)
@option("--connector", en="Only of this connector.", zh="仅该连接器。")
@option("--entity", en="Only of this entity.", zh="仅该实体。")
def list_shapes(desk: Desk, connector: str | None, entity: str | None) -> Said:
    """List shapes; ends with 1 if strange ids wait for a decision."""
    found = api.list_id_shapes(desk.call, api.ShapeFilter(connector=connector, entity=entity))

    def show(console: Console) -> None:
        show_table(console, ("Connector", "Entity", "Rows", "State", "Shape", "Detail"), [_row(one) for one in found.items])
        for one in found.items:
            if one.proposed is not None:
                strange, better = ", ".join(one.strange[:3]), f"{one.proposed.pattern} ({one.proposed.normaliser})"
                en = f"{one.connector} {one.entity}: {strange} do not fit. Proposed: {better}. {one.proposed.why}"
                zh = f"{one.connector} {one.entity}：{strange} 不符合。建议：{better}。{one.proposed.why}"
                console.print(escape(word(en, zh)))

    return Said(plain(found), show, exits.PROBLEM if any(one.strange for one in found.items) else exits.OK)


def _row(one: api.IdShape) -> tuple[object, ...]:
    shape = one.declared or one.learned
    if shape is None:
        return (one.connector, one.entity, one.ids, None, None, None)
    parts = " ".join(part for part in (shape.pattern, f"[{shape.normaliser}]", shape.check_digit) if part)
    if one.learned is None:
        detail = word(f"{len(one.strange)} strange", f"{len(one.strange)} 个不符") if one.strange else ""
        return (one.connector, one.entity, one.ids, word("declared", "已声明"), parts, detail)
    covers = word(f"takes {one.learned.covers} of {one.learned.seen}", f"覆盖 {one.learned.covers}/{one.learned.seen}")
    state = word("learned, thin", "学习（样本少）") if one.learned.thin else word("learned", "学习")
    return (one.connector, one.entity, one.ids, state, parts, covers)


@shapes.add(
    "shape",
    en="Declare the shape of ids, or confirm the learned one; every known id is tried first.",
    zh="声明编号格式，或确认学习得到的格式；会先用所有已知编号检验。",
)
@click.argument("connector")
@click.argument("entity")
@option("--pattern", en="RE2, for the whole id.", zh="RE2 正则，匹配整个编号。")
@option("--normaliser", en="Names joined by +: trim+nfkc+upper.", zh="规范化方式，用 + 连接：trim+nfkc+upper。")
@option("--check-digit", en="luhn, gs1 or mod_37_2.", zh="校验位：luhn、gs1 或 mod_37_2。")
@option("--dry-run", is_flag=True, en="Only show what it would make of the known ids.", zh="只显示对已知编号的影响。")
def declare(
    desk: Desk,
    connector: str,
    entity: str,
    pattern: str | None,
    normaliser: str | None,
    check_digit: str | None,
    dry_run: bool,
) -> Said:
    """Publish a shape, or try it."""
    asked = form(
        api.Declaration, connector=connector, entity=entity, pattern=pattern, normaliser=normaliser, check_digit=check_digit
    )
    found = api.declare_id_shape(desk.call, api.DryRun(dry_run=dry_run), asked)

    def show(console: Console) -> None:
        parts = f"{found.shape.pattern} [{found.shape.normaliser}] {found.shape.check_digit or ''}"
        console.print(f"{mark(found.ok)} {escape(parts)}")
        rows: list[tuple[object, object]] = [
            (word("known ids", "已知编号"), found.known),
            (word("folded anew", "重新归一"), found.changed),
            (word("do not fit", "不符合"), found.misfit_count),
            (word("would become one", "将变为同一"), found.collision_count),
        ]
        rows += [(one.external_id, one.why) for one in found.misfits]
        pairs = [*found.collisions, *([found.counter_example] if found.counter_example else [])]
        rows += [(f"{one.one} = {one.other}", f"{one.becomes}  {one.one_id or ''} {one.other_id or ''}") for one in pairs]
        show_table(console, ("What", "Detail"), rows)

    return Said(plain(found), show, exits.OK if found.ok else exits.PROBLEM)


@shapes.add(
    "placeholders",
    en='Show, add or remove words that stand for "no id" (0, N/A, 未知 …).',
    zh="查看、添加或删除表示“无编号”的占位词（0、N/A、未知……）。",
)
@option("--add", "added", multiple=True, en="A word to add.", zh="要添加的词。")
@option("--remove", "removed", multiple=True, en="A word that was added, to take off again.", zh="要删除的已添加词。")
@option("--anyway", is_flag=True, en="Also words that are ids in use.", zh="即使该词是正在使用的编号。")
def placeholders(desk: Desk, added: tuple[str, ...], removed: tuple[str, ...], anyway: bool) -> Said:
    """Keep the list of placeholders."""
    for one in removed:
        api.remove_placeholder(desk.call, one)
    if added:
        api.add_placeholders(desk.call, form(api.Words, words=list(added), anyway=anyway))
    found = api.list_placeholders(desk.call)

    def show(console: Console) -> None:
        own = "  ".join(found.own) or word("none", "无")
        console.print(escape(word("added here: ", "已添加：") + own))
        console.print(escape(word("built in: ", "内置：") + "  ".join(found.built_in)), style="dim")

    return Said(plain(found), show)
