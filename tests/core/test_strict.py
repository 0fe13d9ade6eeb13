"""Strict reading: what does not mean exactly one thing is refused, with its place."""

from __future__ import annotations

import json
import time
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import MalformedError
from core.strict import Document, read_json, read_yaml

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
def test_what_json_can_say_is_read_as_it_is(value: Any) -> None:
    """Every value that we or anybody write comes back unchanged."""
    assert read_json(orjson.dumps(value)) == value
    assert read_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("body", "what", "position"),
    [
        (b"", "empty", 0),
        (b" \n", "empty", 2),
        (b'{"a": 1', "not JSON", 7),
        (b'{"a": 1}x', "not JSON", 8),
        (b"{'a': 1}", "not JSON", 1),
        (b'{"a": NaN}', "NaN is not JSON", 6),
        (b"[1, -Infinity]", "-Infinity is not JSON", 4),
        (b"[1e999]", "cannot be held", 1),
        (b"[18446744073709551616]", "cannot be held", 1),
        (b"[-9223372036854775809]", "cannot be held", 1),
        (b"[" + b"9" * 5000 + b"]", "cannot be held", 1),
        (b'{"a": 1, "b": {"a": 2}, "a": 3}', "'a' stands twice", 24),
        (b'{"a": {"\\u0062": 1, "b": 2}}', "'b' stands twice", 20),
        (b'["\\ud800"]', "half a character", 2),
        (b'{"\\udc00": 1}', "half a character", 2),
        (b'["\xc4\xd0"]', "not UTF-8", 2),
        ('{"a": "生产线"}'.encode("gbk"), "not UTF-8", None),
        ('{"a": 1}'.encode("utf-16"), "byte order mark", 0),
        (b'\xef\xbb\xbf{"a": 1}', "byte order mark", 0),
        (b'["a\x00b"]', "not JSON", 3),
        (b'["a\nb"]', "not JSON", 3),
        (b"[" * 65 + b"]" * 65, "nested deeper", 64),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "nested deeper", None),
        (b"01", "not JSON", None),
    ],
)
def test_bad_json_is_refused_with_its_position(body: bytes, what: str, position: int | None) -> None:
    """Each refusal names the case and the place."""
    with pytest.raises(MalformedError) as caught:
        read_json(body)

    assert what in caught.value.what
    if position is not None:
        assert caught.value.facts["position"] == position


def test_brackets_inside_texts_are_not_depth() -> None:
    """Only real nesting counts."""
    assert read_json(b'["' + b"[{" * 500 + b'\\"["]') == ["[{" * 500 + '"[']
    assert len(read_json(b"[" + b"[]," * 500 + b"[]]")) == 501


def test_surrogate_pairs_are_characters() -> None:
    """Only a half is refused."""
    assert read_json(b'["\\ud83d\\ude00"]') == ["😀"]


def test_a_hostile_megabyte_costs_little() -> None:
    """A million brackets, or one text of backslashes, are refused or read within a moment."""
    started = time.monotonic()
    with pytest.raises(MalformedError):
        read_json(b"[" * 1_000_000)
    with pytest.raises(MalformedError):
        read_json(b'{"' + b"\\" * 1_000_000)

    assert time.monotonic() - started < 3


def test_line_and_column_count_from_one() -> None:
    """People count from one."""
    with pytest.raises(MalformedError) as caught:
        read_json(b'{"a": 1,\n  "a": 2}')

    assert (caught.value.facts["line"], caught.value.facts["column"]) == (2, 3)


# --- YAML ---------------------------------------------------------------------------------------------------------------


def one(text: str) -> Document:
    (document,) = read_yaml(text, "pack/x.yaml")
    return document


def test_yaml_words_are_words() -> None:
    """The traps of YAML 1.1 are closed: on, no, 12:30, leading zeros and dates stay text; keys are always text."""
    text = "on: no\noff: yes\nat: 2026-01-01\nhour: 12:30\nid: 007\nsep: 1_000\n"
    text += "5: {true: x, null: y}\nnone: ~\nempty:\nok: true\nn: -3\nf: 1.5"

    assert one(text).value == {
        "on": "no", "off": "yes", "at": "2026-01-01", "hour": "12:30", "id": "007", "sep": "1_000",
        "5": {"true": "x", "null": "y"}, "none": None, "empty": None, "ok": True, "n": -3, "f": 1.5,
    }  # fmt: skip


def test_every_value_knows_its_line() -> None:
    """Also keys with dots, list items, and what is not there (the nearest parent answers)."""
    document = one("kind: bridge\nsets:\n  alert.ticket: ticket\nsteps:\n  - id: a\n    with:\n      title: x\n")

    assert document.line_of("sets.alert.ticket") == 3
    assert document.line_of("steps.0.with.title") == 7
    assert document.line_of(("steps", 0, "with", "missing")) == 6
    assert document.line_of("steps[0].id") == 5
    assert document.line_of("nowhere") == 1


def test_several_documents_each_start_at_their_line() -> None:
    """One file may hold many definitions."""
    first, second = read_yaml("# why\na: 1\n---\n\nb: 2\n---\n", "x.yaml")

    assert (first.line, second.line, second.line_of("b")) == (2, 5, 5)


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ("a: &x 1\nb: *x", "Anchors", 1),
        ("a: 1\nb: {c: 1, c: 2}", "'c' stands twice", 2),
        ("a: !!python/object:os.system x", "tag", 1),
        ("a: !env HOME", "tag", 1),
        ("a: [1, 2", "cannot be read", None),
        ("a: 1\n b: 2", "cannot be read", 2),
        ("? [1]\n: 2", "not a word", 1),
        ("a: 1e999", "too big", 1),
        ("a: 99999999999999999999", "too big", 1),
        ("a: " + "[" * 100_000, "nested deeper", 1),
        ("a: \x01", "cannot be read", None),
    ],
)
def test_bad_yaml_is_refused_with_file_and_line(text: str, what: str, line: int | None) -> None:
    """No aliases (a bomb of nine lines), no tags, no duplicate keys."""
    with pytest.raises(MalformedError) as caught:
        read_yaml(text, "pack/x.yaml")

    assert what in caught.value.what
    assert "pack/x.yaml" in caught.value.why
    if line is not None:
        assert caught.value.facts["line"] == line
