"""How values, times and states are written on a page."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from markupsafe import Markup, escape

from gateway.pages.texts import text, word

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")

GOOD = ("done", "ok", "fired", "frozen")
BAD = ("dead", "failed", "error", "denied", "lost")
TONE = {
    **dict.fromkeys(GOOD, "good"),
    **dict.fromkeys(BAD, "bad"),
    "held": "care",
    "draft": "care",
    "late": "care",
    "stale": "care",
}


def moment(written: str | None, zone: str) -> Markup:
    """Write a time in the zone of the settings, with the exact one in the markup."""
    if not written:
        return Markup("–")
    at = datetime.fromisoformat(written.replace("Z", "+00:00")).astimezone(ZoneInfo(zone))
    return Markup('<time datetime="{}" title="{} {}">{}</time>').format(written, written, zone, f"{at:%Y-%m-%d %H:%M:%S}")


def state(value: str | None, language: str) -> Markup:
    """Write a state as a small label: the word carries the meaning, the colour only helps."""
    if not value:
        return Markup("–")
    tone = TONE.get(value, "plain")
    return Markup('<span class="state {}">{}</span>').format(tone, word(str(value), language))


def timed(found: Any, zone: str) -> Markup:
    """
    Write a JSON value for people; a time is written in the zone of the settings, with the exact one in the markup.

    >>> str(timed("2026-01-01T00:00:00Z", "Asia/Shanghai"))[-27:]
    '>2026-01-01 08:00:00</time>'
    """
    return moment(found, zone) if isinstance(found, str) and TIME.fullmatch(found) else value(found)


def zone_name(zone: str) -> str:
    """
    Name a zone with its offset today.

    >>> zone_name("Asia/Shanghai")
    'Asia/Shanghai (UTC+08:00)'
    """
    offset = f"{datetime.now(ZoneInfo(zone)):%z}"
    return f"{zone} (UTC{offset[:3]}:{offset[3:]})"


def value(found: Any) -> Markup:
    """
    Write a JSON value as it is: text as text, nothing as a dash, structures as JSON.

    >>> str(value("<b>")), str(value(None)), str(value({"a": 1}))
    ('&lt;b&gt;', '–', '<code>{&#34;a&#34;:1}</code>')
    """
    if found is None:
        return Markup("–")
    if isinstance(found, str):
        return escape(found)
    if isinstance(found, bool | int | float):
        return escape(orjson.dumps(found).decode())
    return Markup("<code>{}</code>").format(orjson.dumps(found, default=str, option=orjson.OPT_NON_STR_KEYS).decode())


def holder(found: str | None, language: str, *, whole: bool = False) -> Markup:
    """
    Say who or what holds a row; ``whole`` as a sentence, where no heading says that it is held.

    >>> str(holder("person:Li", "en")), str(holder("dead:act_1", "en"))
    ('Li', 'waits for <a href="/actions/act_1">a step that was given up</a>')
    """
    sort, _, rest = (found or "").partition(":")
    match sort:
        case "person":
            return escape(text("held_by_person", language).format(rest) if whole else rest)
        case "dead":
            return Markup('{} <a href="/actions/{}">{}</a>').format(
                text("waits_for", language), rest, text("given_up_step", language)
            )
        case "step":
            return Markup("{} {}").format(text("waits_for_step", language), rest)
        case "budget":
            return Markup("{} {}").format(text("waits_for_budget", language), rest.replace(":", " · "))
        case "repair":
            return Markup("{} <code>{}</code>").format(text("waits_for_repair", language), rest)
    return escape(found or "")


def pretty(found: Any) -> str:
    """Write a structure over several lines."""
    return orjson.dumps(found, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode()


def short(found: str | None, length: int = 15) -> str:
    """
    Write a long id shortly, keeping its end: ids made in one moment begin alike.

    >>> short("evt_0199f0c2a1b27d3e8f4a5b6c7d8e9f00")
    'evt_…6c7d8e9f00'
    """
    if not found or len(found) <= length:
        return found or "–"
    prefix, _, rest = found.rpartition("_")
    return f"{prefix}_…{rest[-10:]}" if prefix else f"…{found[-10:]}"


def seconds(span: float | None) -> str:
    """
    Write an age so that one glance is enough.

    >>> seconds(12), seconds(90), seconds(7200), seconds(200000)
    ('12 s', '1 min 30 s', '2 h', '2 d 7 h')
    """
    if span is None:
        return "–"
    whole = round(span)
    if whole < 60:
        return f"{whole} s"
    parts = [(whole // 86400, "d"), (whole % 86400 // 3600, "h"), (whole % 3600 // 60, "min"), (whole % 60, "s")]
    shown = [f"{number} {unit}" for number, unit in parts if number]
    return " ".join(shown[:2])


def tone(value: str | None) -> str:
    """Return the class of a state's colour."""
    return TONE.get(str(value), "plain")


def span(moments: tuple[str, str]) -> str:
    """
    Write how long something took.

    >>> span(("2026-01-01T00:00:00.000000Z", "2026-01-01T00:00:00.250000Z"))
    '250 ms'
    """
    begin, end = (datetime.fromisoformat(one.replace("Z", "+00:00")) for one in moments)
    took = (end - begin).total_seconds()
    return f"{round(took * 1000)} ms" if took < 10 else seconds(took)


def body(raw: str) -> str:
    """Write a body for reading: JSON over several lines, anything else as it is."""
    try:
        return pretty(orjson.loads(raw))
    except ValueError:
        return raw


def quoted(written: str) -> Markup:
    """
    Write a sentence of the documentation: what stands in backquotes as code, a link to another page as its text.

    >>> str(quoted("Run `tieline doctor` <now>, see [settings](x.md)."))
    'Run <code>tieline doctor</code> &lt;now&gt;, see settings.'
    """
    plain = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", written)
    parts = [Markup("<code>{}</code>").format(part) if n % 2 else escape(part) for n, part in enumerate(plain.split("`"))]
    return Markup("").join(parts)


def rows(found: Any, zone: str = "UTC") -> Markup:
    """
    Write a list of records as a small table, anything else like ``value``.

    >>> str(rows([{"a": 1}]))
    '<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>'
    """
    if not isinstance(found, list) or not found or not all(isinstance(one, dict) for one in found):
        return timed(found, zone)
    names = list(dict.fromkeys(name for one in found for name in one))
    head = Markup("").join(Markup("<th>{}</th>").format(name) for name in names)
    lines = Markup("").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(Markup("<td>{}</td>").format(timed(one.get(name), zone)) for name in names)
        )
        for one in found
    )
    return Markup("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>").format(head, lines)
