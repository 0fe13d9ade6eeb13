"""What the documentation says exists, and what exists is documented."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from core.settings import PREFIX, Settings
from gateway.cli import main
from tests.house import cli_page, matching_page
from tests.house.imports import ROOT
from tests.house.tree import name, text_files

PAGES = text_files(".md")
TOP = ("README.md", "README.zh-CN.md", "CONTRIBUTING.md", "DEVELOPERS.md", "CHANGELOG.md", "SECURITY.md", "LICENSE")


def without_code(text: str) -> str:
    """Return a page without its code blocks and code spans."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.M | re.S))


def links(text: str) -> list[str]:
    """
    Return the relative targets of Markdown links and of src/href attributes.

    >>> links("[a](b.md#c) ![p](x.svg) [w](https://w.org) <img src='y.svg'>")
    ['b.md#c', 'x.svg', 'y.svg']
    """
    text = without_code(text)
    found = re.findall(r"\]\(\s*<?([^)>\s]+)>?[^)]*\)", text) + re.findall(r"(?:src|href)=[\"']([^\"']+)[\"']", text)
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def anchors(text: str) -> set[str]:
    """Return the anchors that headings get: lower case, punctuation gone, spaces to hyphens."""
    headings = re.findall(r"^#{1,6} (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def broken(page: Path, text: str) -> list[str]:
    """Return the relative links of a page that lead nowhere."""
    found = []
    for target in links(text):
        file, _, anchor = target.partition("#")
        place = (page.parent / file).resolve() if file else page
        if not place.exists():
            found.append(f"{name(page)}: {target}: no such file")
        elif anchor and place.suffix == ".md" and anchor not in anchors(place.read_text() if file else text):
            found.append(f"{name(page)}: {target}: no such heading")
    return found


def test_every_relative_link_leads_somewhere() -> None:
    """A link to a file or to a heading finds it."""
    found = [fault for page in PAGES for fault in broken(page, page.read_text())]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    "sample", ["[x](nowhere.md)", "![x](pictures/none.svg)", "[x](#no-such-heading)", '<img src="no.svg">']
)
def test_a_broken_link_is_found(sample: str) -> None:
    """The check itself can fail, and code is not read as links."""
    assert broken(ROOT / "README.md", f"# Title\n\n{sample}\n")
    assert not broken(ROOT / "README.md", f"# Title\n\n`{sample}`\n\n```\n{sample}\n```\n[t](#title)")


@pytest.mark.parametrize("file", TOP)
def test_what_a_reader_expects_at_the_top_is_there(file: str) -> None:
    """README in both languages, how to contribute, how to develop, what changed, the licence."""
    assert (ROOT / file).stat().st_size > 400


def test_every_page_is_reachable() -> None:
    """Every page of docs/ is linked from another page; a why that nobody can find was not written."""
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in PAGES
        for target in links(page.read_text())
        if target.partition("#")[0]
    }
    alone = [
        name(page)
        for page in PAGES
        if name(page).startswith("docs/") and page != ROOT / "docs/README.md" and page not in linked
    ]
    assert not alone, f"linked from nowhere: {alone}"


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.M))


def commands(text: str) -> set[str]:
    """Return the make targets that a text tells people to use (in code spans and code blocks)."""
    code = "\n".join(re.findall(r"`([^`\n]+)`", text) + re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S))
    return set(re.findall(r"(?:^|[\n;&$] ?)(?:\$ )?make (?:[A-Z]+=\S+ )*([a-z][a-z-]*)", code))


def test_every_make_command_of_the_documents_exists() -> None:
    """What README and its neighbours tell people to type is a target of the Makefile."""
    unknown = {name(page): bad for page in PAGES if (bad := commands(page.read_text()) - make_targets())}
    assert not unknown, unknown


def test_an_unknown_command_is_found() -> None:
    """The check itself can fail."""
    assert commands("`make tset`, ```make``` \n```sh\nmake PYTHON=/x/y run\n```\n we make it") == {"tset", "run"}


def test_every_target_is_documented() -> None:
    """Each target has its text in `make help` and its place in DEVELOPERS.md."""
    told = commands((ROOT / "DEVELOPERS.md").read_text())
    with_text = set(re.findall(r"^([a-z-]+):.*## \S", (ROOT / "Makefile").read_text(), re.M))
    assert make_targets() - with_text == set()
    assert make_targets() - told - {"help"} == set()


def test_both_readmes_offer_the_same_commands() -> None:
    """A reader of Chinese is told no less."""
    assert commands((ROOT / "README.md").read_text()) == commands((ROOT / "README.zh-CN.md").read_text())
    assert "docs/pictures/architecture.svg" in links((ROOT / "README.md").read_text())


def test_the_settings_page_is_the_code() -> None:
    """Every setting has its row with default and help in both languages; the page names no setting that is gone."""
    page = (ROOT / "docs/reference/settings.md").read_text()
    rows = re.findall(rf"^\| `{PREFIX}(\w+)` \| (.+?) \| (.+?) \| (.+?) \|$", page, re.M)
    written = {setting: (default.strip("`"), text, zh) for setting, default, text, zh in rows}
    expected = {
        one.name.upper(): (one.metadata["default"] or "(empty)", one.metadata["help"], one.metadata["help_zh"])
        for one in fields(Settings)
    }
    assert written == expected


def test_the_command_line_page_is_the_code() -> None:
    """docs/reference/cli.md is what the commands say of themselves, in both languages, with the exit codes."""
    assert (ROOT / "docs/reference/cli.md").read_text() == cli_page.page(), (
        "python -m tests.house.cli_page > docs/reference/cli.md"
    )


def test_the_page_of_matching_is_the_code() -> None:
    """docs/reference/matching.md lists every way to compare, what is seen and why a person is asked."""
    assert (ROOT / "docs/reference/matching.md").read_text() == matching_page.page(), (
        "python -m tests.house.matching_page > docs/reference/matching.md"
    )


def test_every_command_that_a_page_shows_exists() -> None:
    """`tieline …` in any page begins with a command of the tree."""
    known = [line for line, _ in cli_page.leaves(main, "tieline")]
    starts = {" ".join(line.split()[:n]) for line in known for n in (2, 3)}
    wrong: dict[str, list[str]] = {}
    for page in PAGES:
        for found in re.findall(r"(?:`|^\$? ?)(tieline [a-z]+(?: [a-z]+)?)", page.read_text(), re.M):
            first_two, first_three = " ".join(found.split()[:2]), found
            groups = {" ".join(line.split()[:2]) for line in known if len(line.split()) > 2}
            if first_two not in starts or (first_two in groups and len(found.split()) > 2 and first_three not in starts):
                wrong.setdefault(name(page), []).append(found)
    assert not wrong, wrong


def test_every_kind_is_in_the_readme() -> None:
    """A kind with code of its own is named where people look first, in both languages."""
    from connectors.registry import KINDS

    for page in ("README.md", "README.zh-CN.md"):
        text = (ROOT / page).read_text()
        assert [kind for kind in KINDS if f"`{kind}`" not in text] == []
