"""Every error has a code of its own, a title in two languages, and its place in docs/errors.md."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator

from core.errors import FAMILIES, TielineError
from gateway.pages.catalogue import read
from tests.house.imports import ROOT, module_of
from tests.house.tree import room_files

PAGE = ROOT / "docs" / "errors.md"


def load_rooms() -> None:
    """Import every module in which an error class may be defined."""
    for path in room_files():
        if re.search(r"^class \w*Error\(", path.read_text(), re.M):
            importlib.import_module(module_of(path))


def classes(root: type[TielineError] = TielineError) -> Iterator[type[TielineError]]:
    """Walk the tree of our errors (those that the tests make for themselves apart)."""
    yield root
    for child in root.__subclasses__():
        if not child.__module__.startswith("tests."):
            yield from classes(child)


def own() -> list[type[TielineError]]:
    load_rooms()
    return sorted(set(classes()), key=lambda one: one.code)


def sections(text: str) -> dict[str, str]:
    """Return heading -> body of every `## code`."""
    parts = re.split(r"^## (\S+)\n", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def faults(text: str, errors: list[type[TielineError]]) -> list[str]:
    """Say what the page lacks for these errors."""
    page, found = sections(text), []
    for one in errors:
        body = page.get(one.code)
        if body is None:
            found.append(f"docs/errors.md has no heading '## {one.code}' ({one.__module__}.{one.__name__})")
            continue
        found += [
            f"{one.code}: the page lacks {text!r}" for text in (one.title, one.title_zh, f"({one.family})") if text not in body
        ]
        if len(body.strip().splitlines()) < 2:
            found.append(f"{one.code}: the page does not say what to do")
    spoken = {one.code: one for one in read(text)}
    found += [
        f"{one.code}: the page does not say what to do in {language}"
        for one in errors
        if one.code in page
        for language, advice in zip(
            ("English", "Chinese"), spoken[one.code].advice if one.code in spoken else ("", ""), strict=True
        )
        if not advice
    ]
    return found


def test_every_code_is_in_the_catalogue() -> None:
    """Each code has its heading, both titles, its family, and advice in both languages; the console shows it."""
    found = faults(PAGE.read_text(), own())
    assert not found, "\n" + "\n".join(found)


def test_the_catalogue_names_no_code_that_is_gone() -> None:
    """A heading without a class is a leftover."""
    assert set(sections(PAGE.read_text())) - {one.code for one in own()} == set()


def test_a_code_names_one_case() -> None:
    """Two classes share a code only when one refines the other."""
    seen: dict[str, type[TielineError]] = {}
    for one in own():
        other = seen.setdefault(one.code, one)
        assert issubclass(one, other) or issubclass(other, one), f"{one} and {other} share the code {one.code}"


def test_every_error_belongs_to_a_family_and_explains_itself() -> None:
    """Family is one of four; class name ends in Error; docstring and both titles are there; the Chinese one is Chinese."""
    for one in own():
        assert one.family in FAMILIES, one
        assert one.__name__.endswith("Error"), one
        assert one.__doc__, one
        assert one.title, one
        assert re.search(r"[\u4e00-\u9fff]", one.title_zh), one
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", one.code), one


def test_a_missing_heading_is_found() -> None:
    """The check itself can fail."""
    assert faults("## other\n**x**\n", [TielineError]) == [
        "docs/errors.md has no heading '## tieline' (core.errors.TielineError)"
    ]
    assert len(faults("## tieline\nnothing\n", [TielineError])) == 6
