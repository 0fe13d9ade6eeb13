"""``python -m tests.house.cli_page > docs/reference/cli.md``: the page of the command line, made from the commands."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import click

from gateway.cli import exits, main

HEAD = """# Command line / 命令行

Made from the commands (`python -m tests.house.cli_page`); a test compares. Help comes in the language of `TIELINE_LANGUAGE`.
`--json` prints what the API would answer. The commands work on the machine where Tieline's rows are.
/ 本页由命令自身生成，并由测试核对。帮助语言取决于 `TIELINE_LANGUAGE`；`--json` 输出与 API 相同的 JSON。

## Exit codes / 退出码

| code | meaning | 含义 |
|---|---|---|
"""


def leaves(command: Any, so_far: str) -> Iterator[tuple[str, Any]]:
    """Yield every command line that does something, with its command."""
    children = getattr(command, "commands", {})
    if not children:
        yield so_far, command
    for word in children:
        yield from leaves(children[word], f"{so_far} {word}")


def page() -> str:
    """Return the whole page."""
    codes = "".join(f"| {code} | {en} | {zh} |\n" for code, (en, zh) in exits.MEANING.items())
    return HEAD + codes + "".join(_section(line, command) for line, command in leaves(main, "tieline"))


def _section(line: str, command: Any) -> str:
    en, zh = command.texts
    arguments = [_argument(one) for one in command.params if isinstance(one, click.Argument)]
    usage = " ".join([line, *arguments])
    told = f"\n## {line}\n\n`{usage}`\n\n{_flat(en)}\n{_flat(zh)}\n"
    options = [one for one in command.params if isinstance(one, click.Option) and one.name != "as_json"]
    if not options:
        return told
    rows = "".join(f"| `{_written(one)}` | {_flat(one.help or '')} | {_flat(getattr(one, 'zh', ''))} |\n" for one in options)
    return f"{told}\n| option | meaning | 含义 |\n|---|---|---|\n{rows}"


def _argument(one: click.Argument) -> str:
    name = (one.metavar or one.name or "").upper().strip("[]")
    name += "…" if one.nargs != 1 else ""
    return name if one.required else f"[{name}]"


def _written(one: click.Option) -> str:
    names = ", ".join([*one.opts, *one.secondary_opts])
    if one.is_flag:
        return names
    if isinstance(one.type, click.Choice):
        return f"{names} {'/'.join(map(str, one.type.choices))}"
    return f"{names} {one.metavar or one.type.name.split()[0].upper()}"


def _flat(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(page())
