"""What people type, read: times and spans, key=value pairs, secrets that never stand on a command line."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click
import orjson
import pydantic

from core.clock import SECOND, from_rfc3339
from core.words import Micros, State
from gateway.cli.speech import Run, option, word

Model = TypeVar("Model", bound=pydantic.BaseModel)

_SPAN = re.compile(r"([0-9]{1,6})(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Moment(click.ParamType[Micros]):
    """A time with a zone, or a span back from now: 30m, 2h, 3d."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Micros:
        """Read it as microseconds."""
        import time

        if isinstance(value, int):
            return value
        if span := _SPAN.fullmatch(value):
            return time.time_ns() // 1000 - int(span[1]) * _SECONDS[span[2]] * SECOND
        try:
            return from_rfc3339(value.replace("Z", "+00:00"))
        except (ValueError, OverflowError):
            self.fail(
                word(
                    f"{value!r} is neither a time with a zone (2026-01-01T08:00:00+08:00) nor a span back (2h, 30m, 3d).",
                    f"{value!r} 既不是带时区的时间（2026-01-01T08:00:00+08:00），也不是距今时长（2h、30m、3d）。",
                ),
                param,
                ctx,
            )


MOMENT = Moment()
STATE = click.Choice([str(state) for state in State])


def paged(run: Run) -> Run:
    """Declare --limit and --cursor."""
    limit = option(
        "--limit", type=click.IntRange(1, 200), default=50, show_default=True, en="At most so many.", zh="最多条数。"
    )
    cursor = option("--cursor", en="Go on after the page before.", zh="从上一页之后继续。")
    return limit(cursor(run))


def window(run: Run) -> Run:
    """Declare --since and --until."""
    since = option(
        "--since",
        type=MOMENT,
        en="From this time on: with a zone, or 2h, 30m, 3d ago.",
        zh="起始时间：带时区，或 2h、30m、3d 之前。",
    )
    until = option("--until", type=MOMENT, en="Before this time.", zh="截止时间。")
    return since(until(run))


def pairs(given: Iterable[str], what: str) -> dict[str, str]:
    """Read name=value pairs; a pair without = is a usage error."""
    found: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise click.UsageError(word(f"{what} {one!r} must be written name=value.", f"{what} {one!r} 应写为 名称=值。"))
        found[name] = value
    return found


def form(model: type[Model], **given: Any) -> Model:
    """Fill in a body of the API; what has not the declared form is said like there, and is no fault of ours."""
    from gateway.operations import faults_of
    from gateway.refusals import ValidationError

    try:
        return model(**given)
    except pydantic.ValidationError as error:
        raise ValidationError("command", faults_of(error)) from None


def settings_of(given: Iterable[str], known: Iterable[str], secret: Iterable[str]) -> dict[str, Any]:
    """Read --set pairs; a secret among them is refused, because a command line is kept in the shell's history."""
    found: dict[str, Any] = {}
    for name, value in pairs(given, "--set").items():
        if name in set(secret):
            raise click.UsageError(
                word(
                    f"{name} is a secret, and a command line stays in the shell's history: give it with"
                    f" --secret-env {name}=VARIABLE or --secret-file {name}=FILE, or leave it out and be asked.",
                    f"{name} 是密钥，而命令行会留在历史记录中：请用 --secret-env {name}=变量名 或"
                    f" --secret-file {name}=文件，或省略后按提示输入。",
                )
            )
        found[name] = _value(value)
    return found


def secrets_of(from_env: Iterable[str], from_file: Iterable[str]) -> dict[str, str]:
    """Read secrets from variables and files; what is missing there is a usage error that names it."""
    found: dict[str, str] = {}
    for name, variable in pairs(from_env, "--secret-env").items():
        if not os.environ.get(variable):
            raise click.UsageError(word(f"The variable {variable} is not set.", f"环境变量 {variable} 未设置。"))
        found[name] = os.environ[variable]
    for name, path in pairs(from_file, "--secret-file").items():
        try:
            found[name] = Path(path).read_text(encoding="utf-8").strip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise click.UsageError(word(f"{path} cannot be read: {error}.", f"无法读取 {path}：{error}。")) from None
        if not found[name]:
            raise click.UsageError(word(f"{path} is empty.", f"{path} 是空文件。"))
    return found


def bytes_of(file: Path) -> bytes:
    """Read a file that somebody named; one that cannot be read is a usage error."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise click.UsageError(word(f"{file} cannot be read: {error}.", f"无法读取 {file}：{error}。")) from None


def text_of(file: Path) -> str:
    """Read a text file that somebody named."""
    try:
        return bytes_of(file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.UsageError(word(f"{file} is not UTF-8: {error}.", f"{file} 不是 UTF-8：{error}。")) from None


def can_ask() -> bool:
    """Say whether somebody sits there."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(title: str, *, hidden: bool = False, required: bool = True) -> str | None:
    """Ask on the terminal; an empty answer to what is not required is none."""
    answer: str = click.prompt(
        title, hide_input=hidden, default=None if required else "", show_default=False, err=True, type=str
    )
    return answer or None


def _value(text: str) -> Any:
    """Read lists, objects, numbers and claims as JSON; the rest is text (the kind's settings say what they must be)."""
    if text[:1] in "[{":
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise click.UsageError(word(f"{text!r} is not JSON: {error}.", f"{text!r} 不是 JSON：{error}。")) from None
    return text


Ask = Callable[..., str | None]
