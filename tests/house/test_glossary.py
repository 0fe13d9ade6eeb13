"""One word, one meaning: the glossary and the code name the same things."""

from __future__ import annotations

import re
from enum import StrEnum

import pytest

from core import words
from core.definitions import KINDS
from core.tables import metadata
from tests.house.imports import ROOT
from tests.house.tree import room_files

PAGES = ("docs/glossary.md", "docs/glossary.zh-CN.md")


def listed(page: str) -> list[str]:
    """Return the words that a glossary page defines, in their order."""
    return re.findall(r"^\| \*\*(.+?)\*\* \|", (ROOT / page).read_text(), re.M)


def in_code() -> set[str]:
    """Return every identifier of the product as single lower-case words and as written."""
    found: set[str] = set()
    for path in room_files():
        for name in re.findall(r"[A-Za-z_]{2,}", path.read_text()):
            found.add(name.lower())
            found.update(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().split("_"))
    return found


def test_both_languages_define_the_same_words() -> None:
    """A word that is explained in one language is explained in the other, in the same order."""
    assert listed(PAGES[0]) == listed(PAGES[1])


def test_no_word_is_defined_twice() -> None:
    """One word, one meaning."""
    assert sorted(listed(PAGES[0])) == sorted(set(listed(PAGES[0])))


def test_every_word_of_the_glossary_is_a_word_of_the_code() -> None:
    """A word that nothing in the code is called has no place in the glossary."""
    known = in_code()
    spelt = {word: {word.lower().replace(" ", "_"), word.lower()} for word in listed(PAGES[0])}
    spelt["master ID"] = {"gid"}
    assert [word for word, ways in spelt.items() if not ways & known] == []


@pytest.mark.parametrize("closed", [words.State, words.FieldState], ids=lambda one: one.__name__)
def test_every_state_has_its_line(closed: type[StrEnum]) -> None:
    """The words of the accounting identity and the four field states are defined."""
    assert {str(word) for word in closed} <= set(listed(PAGES[0]))


@pytest.mark.parametrize("closed", [words.Verdict, words.Origin], ids=lambda one: one.__name__)
def test_every_closed_list_is_named(closed: type[StrEnum]) -> None:
    """Verdicts and origins are listed where their word is explained."""
    for page in PAGES:
        text = (ROOT / page).read_text()
        assert [str(word) for word in closed if f"`{word}`" not in text] == []


def test_every_kind_of_definition_has_its_line() -> None:
    """What people can author is explained."""
    assert {kind.replace("_", " ") for kind in KINDS} <= set(listed(PAGES[0]))


def test_every_main_table_is_explained() -> None:
    """A table is called by a word of the glossary; auxiliary tables are listed here with their reason."""
    auxiliary = {
        "api_key": "access, not a word of the trade",
        "definition_version": "definition + version",
        "id_misfit": "examples behind an id shape",
        "id_placeholder": "described with identity",
        "id_sequence": "the counter behind master IDs",
        "id_shape": "described with identity",
        "identity_edge": "described with identity",
        "lane": "how far a connector's deliveries were claimed",
        "lineage_edge": "lineage",
        "lineage_version": "lineage",
        "match_key": "the index behind matching",
        "match_record": "the index behind matching",
        "review_decision": "described with review",
        "value_pin": "described with golden record",
        "written": "the ledger behind echo",
    }
    unexplained = set(metadata.tables) - set(listed(PAGES[0])) - set(auxiliary)
    assert unexplained == set(), f"explain in docs/glossary.md: {unexplained}"
