"""Why a row is where it is, as people read it: our own reasons in the reader's language, foreign words as they are."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from gateway.pages.catalogue import entry

_TIME = r"\d{4}-\d\d-\d\dT[\d:.]+Z"

SAID: list[tuple[str, str]] = [
    (r"unchanged", "内容没有变化"),
    (r"nothing in it", "其中没有记录"),
    (r"echo of our user (?P<user>.+)", "回声：由我方账号 {user} 的写入引起"),
    (r"echo of action (?P<action>act_\w+)", "回声：由我方动作 {action} 引起"),
    (r"echo of (?P<rest>.+)", "回声：{rest}"),
    (rf"stale: it tells of (?P<told>{_TIME}), applied is (?P<applied>{_TIME})", "已过时：内容为 {told}，已应用至 {applied}"),
    (r"skipped by (?P<who>[^:]+): (?P<why>.+)", "由 {who} 跳过：{why}"),
    (r"it needs step (?P<step>\S+), which was skipped", "依赖的步骤 {step} 已被跳过"),
    (r"None of the watched fields changed\.", "所关注的字段均未变化。"),
    (r"(?P<n>\d+) events; the first: (?P<rest>.+)", "{n} 个事件，首个：{rest}"),
    (r"(?P<name>\S+) has no value\.?", "{name} 没有值"),
    (r"mended", "已修复"),
    (
        rf"write-budget: more than (?P<n>\d+) writes in (?P<span>\d+) minutes; it goes on at (?P<at>{_TIME})",
        "写入额度：{span} 分钟内超过 {n} 次写入；将于 {at} 继续",
    ),
    (r"replay by (?P<who>.+)", "由 {who} 重放"),
]
"""Our reasons and their Chinese; a reason that is not here is shown as it is written."""

_ACTION = re.compile(r"act_[0-9a-f]{8,}")


def reason(written: str | None, language: str) -> Markup:
    """
    Write a reason in the language; an action that it names leads to its trail.

    >>> str(reason("unchanged", "zh")), str(reason("unchanged", "en")), str(reason("<b>", "zh"))
    ('内容没有变化', 'unchanged', '&lt;b&gt;')
    >>> str(reason("echo of action act_0123456789ab", "en"))
    'echo of action <a href="/actions/act_0123456789ab"><code>act_…0123456789ab</code></a>'
    """
    if not written:
        return Markup("")
    return _linked(translated(written) if language == "zh" else written)


def translated(written: str) -> str:
    """
    Return our own reason in Chinese; an error's code by its title, with its own sentences behind it.

    >>> translated("skipped by Li: wrong machine"), translated("something foreign")
    ('由 Li 跳过：wrong machine', 'something foreign')
    """
    for pattern, chinese in SAID:
        if found := re.fullmatch(pattern, written):
            parts = found.groupdict()
            return chinese.format(
                **{name: translated(part) if name in ("rest", "why") else part for name, part in parts.items()}
            )
    code, separator, rest = written.partition(": ")
    known = entry(code) if separator else None
    return written if known is None else f"{known.title('zh')}：{rest}"


def _linked(text: str) -> Markup:
    shown, at = Markup(""), 0
    for found in _ACTION.finditer(text):
        link = Markup('<a href="/actions/{}"><code>act_…{}</code></a>').format(found[0], found[0][-12:])
        shown += escape(text[at : found.start()]) + link
        at = found.end()
    return shown + escape(text[at:])
