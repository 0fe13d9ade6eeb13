"""
The catalogue of errors (docs/errors.md) as the pages show it: what a code means and what to do, in two languages.

It is read from the page itself, so that a repair, a problem document and the documentation say the same; a code whose
class lives in another process (a worker's, the command line's) is explained as well.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PLACES = (
    Path(__file__).parents[2] / "docs" / "errors.md",
    Path(sys.prefix) / "share" / "tieline" / "errors.md",
)
"""In a checkout, and where a wheel puts it."""

_SECTION = re.compile(r"^## (?P<code>\S+)\n\*\*(?P<en>.+?) · (?P<zh>.+?)\*\* \((?P<family>\w+)\)\n", re.M)
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True)
class Entry:
    """One code: titles, who moves next, and the advice."""

    code: str
    family: str
    titles: tuple[str, str]
    advice: tuple[str, str]

    def title(self, language: str) -> str:
        """Return the title in the language."""
        return self.titles[language == "zh"]

    def advised(self, language: str) -> str:
        """Return the advice in the language; English where there is no other."""
        return self.advice[language == "zh"] or self.advice[0]


def entry(code: str) -> Entry | None:
    """Return what the catalogue says of a code, or None if it does not know it."""
    return _entries().get(code)


@cache
def _entries() -> dict[str, Entry]:
    page = next((place for place in PLACES if place.exists()), None)
    return {} if page is None else {one.code: one for one in read(page.read_text(encoding="utf-8"))}


def read(page: str) -> list[Entry]:
    r"""
    Read the page: a heading, the line of both titles and the family, the advice, and the advice in Chinese.

    >>> [one] = read("## odd\n**Odd · 奇怪** (input)\nLook at it,\nthen go on.\n\n请查看。\n")
    >>> one.title("zh"), one.advised("en"), one.advised("zh")
    ('奇怪', 'Look at it, then go on.', '请查看。')
    """
    found = list(_SECTION.finditer(page))
    ends = [one.start() for one in found[1:]] + [len(page)] if found else []
    return [_entry(one, page[one.end() : end]) for one, end in zip(found, ends, strict=True)]


def _entry(head: re.Match[str], body: str) -> Entry:
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", body) if part.strip()]
    english = [part for part in paragraphs if not _is_chinese(part)]
    chinese = [part for part in paragraphs if _is_chinese(part)]
    return Entry(head["code"], head["family"], (head["en"], head["zh"]), (" ".join(english), "".join(chinese)))


def _is_chinese(paragraph: str) -> bool:
    """Say whether a paragraph is written in Chinese; one that only quotes a Chinese word is not."""
    return len(_CHINESE.findall(paragraph)) > len(paragraph) / 5
