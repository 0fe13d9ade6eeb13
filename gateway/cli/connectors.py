"""`tieline connectors`: what is registered, whether it works, and how to change that."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.markup import escape

from connectors.kit.contract import Kind
from connectors.registry import add_folder, connector_class, kind_names, sheet_of
from gateway import registering
from gateway.api import connectors as api
from gateway.api import kinds as kinds_api
from gateway.cli import exits
from gateway.cli.asked import ask, can_ask, form, secrets_of, settings_of
from gateway.cli.desk import Desk, Said, plain
from gateway.cli.speech import Group, Run, option, word
from gateway.cli.tables import mark, show_table

connectors = Group("connectors", en="What we are connected to, and whether it works.", zh="已连接的系统及其状态。")

DOOR_SECRET = "door.secret"  # noqa: S105 - the name under which the door's own secret is given
_SET = option("--set", "sets", multiple=True, metavar="NAME=VALUE", en="A setting; not for secrets.", zh="设置项（密钥除外）。")
_ENV = option(
    "--secret-env", multiple=True, metavar="NAME=VARIABLE", en="A secret, from this variable.", zh="从环境变量读取密钥。"
)
_FILE = option("--secret-file", multiple=True, metavar="NAME=FILE", en="A secret, from this file.", zh="从文件读取密钥。")
_TITLE = option("--title", en="What people call it.", zh="显示名称。")
_DOOR = option(
    "--door",
    metavar="SCHEME|JSON",
    en="How it pushes to us: path, standard_webhooks, or JSON.",
    zh="推送验证方式：path、standard_webhooks 或 JSON。",
)
_DRAFT = option("--draft", is_flag=True, en="Save it even if its check fails; it stays idle.", zh="即使检查失败也保存为草稿。")


def _changing(run: Run) -> Run:
    for one in (_DRAFT, _DOOR, _TITLE, _FILE, _ENV, _SET):
        run = one(run)
    return run


@connectors.add("kinds", en="List the sorts of systems that can be connected.", zh="列出可连接的系统类型。")
@click.argument("name", required=False)
def kinds(desk: Desk, name: str | None) -> Said:
    """Describe all kinds briefly, or one wholly."""
    add_folder(Path(desk.settings.kinds_folder))
    names = [name] if name else list(kind_names())
    found = [connector_class(one).kind for one in names]
    sheets = {kind.name: sheet_of(kind.name) for kind in found}
    document = [{**plain(kinds_api.answer(kind)), "evidence": sheets[kind.name].level} for kind in found]

    def show(console: Console) -> None:
        rows = [(kind.name, word(kind.title.en, kind.title.zh), sheets[kind.name].level, kind.versions) for kind in found]
        show_table(console, ("Kind", "Title", "Evidence", "Detail"), rows)
        if name:
            show_kind(console, found[0])

    return Said(document[0] if name else {"items": document}, show)


def show_kind(console: Console, kind: Kind) -> None:
    """Show what a kind needs and offers."""
    secret = registering.secret_names(kind)
    console.print()
    rows: list[tuple[Any, ...]] = []
    for key, field in kind.settings.model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        title = word(str(field.title), str(extra.get("zh", field.title)))
        rows.append((key, title, field.is_required(), key in secret, field.description))
    show_table(console, ("Setting", "Title", "Needed", "Secret", "Help"), rows)
    console.print()
    offered = [(f"stream {one.name}", one.help) for one in kind.streams] + [
        (f"lookup {one.name}", one.help) for one in kind.lookups
    ]
    show_table(console, ("Name", "Help"), offered + [(f"act {one.name}", f"{one.help} ({one.repeat})") for one in kind.acts])


@connectors.add("list", en="List what is registered.", zh="列出已注册的连接器。")
def list_connectors(desk: Desk) -> Said:
    """List every connector by name."""
    found = api.list_connectors(desk.call)

    def show(console: Console) -> None:
        rows = [
            (
                one.name,
                one.kind,
                one.state,
                one.held_by or one.breaker_reason,
                desk.when(one.checked_at),
                one.door.url if one.door else None,
            )
            for one in found.items
        ]
        nothing = ("No connector is registered: tieline connectors add KIND.", "尚未注册连接器：tieline connectors add KIND。")
        show_table(console, ("Name", "Kind", "State", "Reason", "Check", "Door"), rows, nothing=nothing)

    return Said(plain(found), show)


@connectors.add("show", en="Show one connector: settings, door, streams, last check.", zh="显示连接器详情。")
@click.argument("name")
def show_connector(desk: Desk, name: str) -> Said:
    """Show one connector; its secrets are named, never shown."""
    found = api.get_connector(desk.call, name)
    return Said(plain(found), partial(_show_connector, desk, found))


@connectors.add("add", en="Check a system and register it as a connector.", zh="检查并注册连接器。")
@click.argument("kind")
@option("--name", required=True, en="Its name: lower-case letters, digits, hyphens.", zh="名称：小写字母、数字、连字符。")
@_changing
def add(desk: Desk, kind: str, name: str, **given: Any) -> Said:
    """Ask for what is missing, prove that it works, and save it."""
    add_folder(Path(desk.settings.kinds_folder))
    offered = connector_class(kind).kind
    settings = _given(offered, given)
    if can_ask():
        _ask_missing(offered, settings)
    door_secret = settings.pop(DOOR_SECRET, None)
    call = desk.call_to_write()
    body = form(
        api.Register,
        name=name,
        kind=kind,
        title=given["title"],
        settings=settings,
        inbound=_door(given["door"]),
        door_secret=door_secret,
        draft=given["draft"],
    )
    with desk.waiting(word(f"Checking {name} …", f"正在检查 {name} …")):
        made = api.register_connector(call, body)
    return Said(plain(made), partial(_show_connector, desk, made), _ended(made))


@connectors.add(
    "set",
    en="Change settings, secrets or the door; its id and what is held for it stay.",
    zh="修改设置、密钥或入口，编号不变。",
)
@click.argument("name")
@option(
    "--rotate", is_flag=True, en="Give the door a new secret; the old one still opens.", zh="更换入口密钥，旧密钥暂时有效。"
)
@_changing
def set_(desk: Desk, name: str, rotate: bool, **given: Any) -> Said:
    """Change a connector in place, after its check has passed with the new values."""
    call = desk.call
    offered = call.parts.registered.kind_of(name)
    settings = _given(offered, given)
    body = form(
        api.Change,
        title=given["title"],
        door_secret=settings.pop(DOOR_SECRET, None),
        settings=settings or None,
        inbound=_door(given["door"]),
        rotate=rotate,
        draft=given["draft"],
    )
    with desk.waiting(word(f"Checking {name} …", f"正在检查 {name} …")):
        made = api.change_connector(call, name, body)
    return Said(plain(made), partial(_show_connector, desk, made), _ended(made))


@connectors.add(
    "check", en="Check connectors now: reachability, credentials, each permission, a sample read.", zh="立即检查连接器。"
)
@click.argument("names", nargs=-1)
def check(desk: Desk, names: tuple[str, ...]) -> Said:
    """Check those named, or all; a passing check releases what a repair held."""
    call = desk.call
    wanted = list(names) or [row.name for row in call.parts.registered.all()]
    for name in wanted:
        call.parts.registered.row(name)
    reports = {name: api.check_connector(call, name) for name in desk.each(word("Checking", "检查中"), wanted)}

    def show(console: Console) -> None:
        rows = [
            (name, step.name, step.ok, step.detail, "" if step.ok else step.fix)
            for name, report in reports.items()
            for step in report.steps
        ]
        show_table(console, ("Connector", "Check", "Status", "Detail", "Fix"), rows)

    document = {"items": [{"name": name, **plain(report)} for name, report in reports.items()]}
    return Said(document, show, exits.OK if all(one.ok for one in reports.values()) else exits.PROBLEM)


@connectors.add(
    "hold",
    en="Hold a connector: what arrives is kept, nothing is handled or sent.",
    zh="暂停连接器：照常接收并保存，不处理不发送。",
)
@click.argument("name")
def hold(desk: Desk, name: str) -> Said:
    """Hold it until it is released."""
    found = api.hold_connector(desk.call, name)
    return Said(plain(found), partial(_show_connector, desk, found))


@connectors.add("release", en="Release a held connector: what was kept is handled in order.", zh="恢复连接器，按顺序处理积压。")
@click.argument("name")
def release(desk: Desk, name: str) -> Said:
    """Let it go on."""
    found = api.release_connector(desk.call, name)
    return Said(plain(found), partial(_show_connector, desk, found))


def _given(kind: Kind, given: dict[str, Any]) -> dict[str, Any]:
    secret = registering.secret_names(kind)
    settings = settings_of(given["sets"], kind.settings.model_fields, secret)
    return {**settings, **secrets_of(given["secret_env"], given["secret_file"])}


def _ask_missing(kind: Kind, settings: dict[str, Any]) -> None:
    """Ask for required settings, and for secrets, that were not given; secrets are not echoed."""
    secret = registering.secret_names(kind)
    for name, field in kind.settings.model_fields.items():
        if name in settings or not (field.is_required() or name in secret):
            continue
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        title = word(str(field.title), str(extra.get("zh", field.title)))
        answer = ask(f"{title} ({name})", hidden=name in secret, required=field.is_required())
        if answer is not None:
            settings[name] = answer


def _door(given: str | None) -> dict[str, Any] | None:
    if given is None:
        return None
    if not given.startswith("{"):
        return {"scheme": given}
    try:
        found: dict[str, Any] = orjson.loads(given)
    except orjson.JSONDecodeError as error:
        raise click.UsageError(word(f"--door is not JSON: {error}.", f"--door 不是 JSON：{error}。")) from None
    return found


def _ended(made: api.ConnectorAnswer) -> int:
    return exits.OK if made.report is None or made.report.ok else exits.PROBLEM


def _show_connector(desk: Desk, found: api.ConnectorAnswer, console: Console) -> None:
    state = found.state + (f" ({found.held_by})" if found.held_by else "")
    console.print(f"[bold]{escape(found.name)}[/] · {escape(found.kind)} · {escape(state)}")
    for name, value in found.settings.items():
        console.print(f"  {escape(name)} = {escape(str(value))}")
    if found.secrets:
        console.print(word("  secrets: ", "  密钥：") + escape(", ".join(found.secrets)))
    if found.door is not None:
        console.print(word("  pushes to: ", "  推送地址：") + escape(found.door.url), soft_wrap=True)
        if found.door.secret:
            console.print(
                word("  the door's secret, shown this once: ", "  入口密钥（仅显示这一次）：")
                + f"[bold]{escape(found.door.secret)}[/]",
                soft_wrap=True,
            )
    if found.report is not None:
        for step in found.report.steps:
            fix = "" if step.ok or not step.fix else f" → {escape(step.fix)}"
            console.print(f"  {mark(step.ok)} {escape(step.name)} {escape(step.detail)}{fix}")
    for stream in found.streams:
        last = word("never yet", "尚未成功") if stream.last_ok_at is None else desk.when(stream.last_ok_at)
        console.print(
            word(
                f"  polls {stream.name} every {stream.every_s} s, last well: {last}",
                f"  每 {stream.every_s} 秒轮询 {stream.name}，上次成功：{last}",
            )
        )
