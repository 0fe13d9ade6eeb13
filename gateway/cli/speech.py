"""How commands are declared: help in both languages, `--json` everywhere, one way to fail."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Callable, MutableMapping
from importlib import import_module
from typing import Any

import click
import orjson
from rich.markup import escape

from core.errors import TielineError
from gateway.cli import exits
from gateway.cli.desk import Desk, Said

Run = Callable[..., Said]


def language() -> str:
    """Return en or zh, by TIELINE_LANGUAGE; a wrong word is the settings' business, help is not withheld for it."""
    return "zh" if os.environ.get("TIELINE_LANGUAGE") == "zh" else "en"


def word(en: str, zh: str) -> str:
    """Return the text in the reader's language."""
    return zh if language() == "zh" else en


class _TwoTongues:
    """Mixin of a click command: its help is chosen when it is shown."""

    texts: tuple[str, str] = ("", "")

    def get_short_help_str(self, limit: int = 45) -> str:
        return word(*self.texts).split("\n", 1)[0]

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(word(*self.texts))


class Command(_TwoTongues, click.Command):
    """One command with help in both languages."""


class Option(click.Option):
    """One option with help in both languages."""

    def __init__(self, *names: Any, en: str = "", zh: str = "", **more: Any) -> None:
        super().__init__(*names, **{**more, "help": en})
        self.zh = zh

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        english = self.help
        try:
            self.help = word(english or "", self.zh or english or "")
            return super().get_help_record(ctx)
        finally:
            self.help = english


def option(*names: str, en: str, zh: str, **more: Any) -> Callable[[Run], Run]:
    """Declare an option with help in both languages."""
    return click.option(*names, cls=Option, en=en, zh=zh, **more)


class Group(_TwoTongues, click.Group):
    """Commands about one subject; without a further word, its ``list``."""

    def __init__(self, name: str, *, en: str, zh: str) -> None:
        super().__init__(name, invoke_without_command=False, no_args_is_help=False)
        self.texts = (en, zh)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        wants_list = not args or (args[0].startswith("-") and args[0] not in ("--help", "-h"))
        return super().parse_args(ctx, ["list", *args] if wants_list and "list" in self.commands else args)

    def add(self, name: str, *, en: str, zh: str) -> Callable[[Run], Command]:
        """Declare a command of this group."""

        def keep(run: Run) -> Command:
            made = command(name, en=en, zh=zh)(run)
            self.add_command(made)
            return made

        return keep


class LazyGroup(_TwoTongues, click.Group):
    """The root: it knows its commands by name and loads one when it is called."""

    def __init__(self, name: str, *, en: str, zh: str, parts: dict[str, str]) -> None:
        self._parts = parts
        super().__init__(name, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
        self.texts = (en, zh)

    @property
    def commands(self) -> MutableMapping[str, click.Command]:
        """Every command, loaded: what completion, help and the tests of the documents walk through."""
        return {name: self._load(name) for name in self._parts}

    @commands.setter
    def commands(self, _given: MutableMapping[str, click.Command]) -> None:
        """Click sets an empty one when a group is made."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of a working day."""
        return list(self._parts)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command."""
        return self._load(cmd_name) if cmd_name in self._parts else None

    def _load(self, name: str) -> click.Command:
        module, _, attribute = self._parts[name].partition(":")
        found: click.Command = getattr(import_module(f"gateway.cli.{module}"), attribute)
        return found


def command(name: str, *, en: str, zh: str) -> Callable[[Run], Command]:
    """
    Declare a command: its function gets a Desk first, and returns what it has to say.

    The wrapper prints it for people or (``--json``) for programs, and turns errors into exit codes.
    """

    def keep(run: Run) -> Command:
        params = list(reversed(getattr(run, "__click_params__", [])))
        params.append(
            Option(
                ["--json", "as_json"], is_flag=True, en="Print JSON, as the API answers it.", zh="输出 JSON（与 API 相同）。"
            )
        )

        def call(as_json: bool, **given: Any) -> None:
            sys.exit(_speak(run, as_json, given))

        made = Command(name, params=params, callback=call)
        made.texts = (en, zh)
        return made

    return keep


def _speak(run: Run, as_json: bool, given: dict[str, Any]) -> int:
    desk = Desk(as_json=as_json, language=language())
    try:
        with contextlib.closing(desk):
            said = run(desk, **given)
            if as_json:
                click.echo(orjson.dumps(said.document, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS))
            else:
                said.show(desk.console)
            return said.code
    except TielineError as error:
        _complain(desk, error)
        return exits.USAGE if error.code == "validation" else exits.code_of(error)
    except (click.ClickException, click.exceptions.Exit):
        raise
    except (KeyboardInterrupt, click.Abort):
        desk.errors.print(word("Stopped.", "已中断。"))
        return exits.STOPPED
    except Exception as error:
        desk.errors.print(
            word("This is a fault of Tieline itself; please report it with:", "这是 Tieline 自身的缺陷，请附上以下内容反馈：")
        )
        desk.errors.print(escape("".join(traceback.format_exception(error))), highlight=False)
        return exits.BROKEN


_HOW_TO_CORRECT = (
    "Correct what is listed; --help names the options, `tieline connectors kinds KIND` the settings of a kind.",
    "请更正所列项；选项见 --help，各类型的设置项见 `tieline connectors kinds KIND`。",
)


def _complain(desk: Desk, error: TielineError) -> None:
    """Say an error on stderr: three sentences and the code for people, the whole as JSON for programs."""
    if desk.as_json:
        desk.errors.file.write(orjson.dumps(error.as_dict()).decode() + "\n")
        return
    desk.errors.print(f"[bold red]✗ {escape(error.what)}[/]", highlight=False, soft_wrap=True)
    fix = _HOW_TO_CORRECT if error.code == "validation" else (error.fix,)
    for label, text in ((word("why", "原因"), error.why), (word("fix", "处理"), word(fix[0], fix[-1]))):
        if text:
            desk.errors.print(f"  [dim]{label}:[/] {escape(text)}", highlight=False, soft_wrap=True)
    desk.errors.print(f"  [dim]({error.code}, docs/errors.md)[/]", highlight=False)
