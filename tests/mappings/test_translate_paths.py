from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonpath_ng import parse as parse_plain  # type: ignore[attr-defined] # the library re-exports it
from jsonpath_ng.ext import parse as parse_extended  # type: ignore[attr-defined] # as above

from core.words import Json
from mappings.translate.getter import compile_getter
from mappings.translate.paths import MISSING, PathError, read_path
from tests.mappings.strategies import paths_with_documents


@settings(max_examples=400)
@given(paths_with_documents(filtered=False))
def test_a_plain_path_means_what_jsonpath_says(sample: tuple[str, Json]) -> None:
    """A generated getter finds exactly what jsonpath-ng finds, null and missing kept apart."""
    path, document = sample
    read = read_path(path)
    assert read.parts is not None
    assert not read.many
    expected = [match.value for match in parse_plain(path).find(document)]
    (found,) = compile_getter([read])(document)
    assert ([] if found is MISSING else [found]) == expected
    assert [one.__class__ for one in expected] == ([] if found is MISSING else [found.__class__])


@settings(max_examples=400)
@given(paths_with_documents(filtered=True))
def test_a_simple_filter_means_what_jsonpath_says(sample: tuple[str, Json]) -> None:
    """A compiled filter finds the same matches in the same order as jsonpath-ng."""
    path, document = sample
    read = read_path(path)
    assert read.parts is not None
    assert read.many
    (found,) = compile_getter([read])(document)
    assert found == [match.value for match in parse_extended(_quoted(path)).find(document)]


@settings(max_examples=150, deadline=None)  # the library parses every path anew
@given(st.lists(paths_with_documents(filtered=True) | paths_with_documents(filtered=False), min_size=2, max_size=5))
def test_many_paths_in_one_function_mean_the_same(samples: list[tuple[str, Json]]) -> None:
    """Paths that share an index of one list find what each of them finds alone."""
    paths = [path for path, _ in samples]
    paths += [re.sub(r"=='?[^')]*'?\)", f"=={literal})", paths[0]) for literal in ("'x'", "'y'", "1")]
    get = compile_getter([read_path(path) for path in paths])
    for _, document in samples:
        for path, found in zip(paths, get(document), strict=True):
            expected = [match.value for match in parse_extended(_quoted(path)).find(document)]
            assert (found if read_path(path).many else [] if found is MISSING else [found]) == expected, path


def test_equal_but_not_the_same() -> None:
    """True is not 1, 1.0 is; a key that several items have gives them all, in their order."""
    items = [{"k": True, "v": 1}, {"k": 1, "v": 2}, {"k": 1.0, "v": 3}, {"k": "1", "v": 4}, {"k": [1], "v": 5}, "k", None]
    paths = ("$.t[?(@.k==1)].v", "$.t[?(@.k=='1')].v", "$.t[?@.k=='1'].v", "$.t[?(@.k=='1')]", "$.t[?(@.k==1)].v.x")
    get = compile_getter([read_path(path) for path in paths])
    assert get({"t": items}) == ([2, 3], [4], [4], [items[3]], [])


def _quoted(path: str) -> str:
    """Return a path that the library's extended parser reads: it knows Chinese keys only in quotes."""
    return re.sub(r"\.(客户|名称)", r"['\1']", path)


def test_other_paths_go_through_the_library() -> None:
    """Wildcards, slices and descendants are followed by jsonpath-ng."""
    get = compile_getter([read_path("$.tags[*].value"), read_path("$..value"), read_path("$.n[0:2]"), read_path("$.a.b")])
    record = {"tags": [{"value": 1}, {"value": 2}], "n": [5, 6, 7], "a": {"b": 8}}
    assert get(record) == ([1, 2], [1, 2], [5, 6], 8)


def test_chinese_keys_need_no_quotes() -> None:
    """A Chinese key may stand plain, also in a filter."""
    get = compile_getter([read_path("$.客户.名称"), read_path("$.标签[?(@.键=='厂区')].值")])
    assert get({"客户": {"名称": "张三"}, "标签": [{"键": "厂区", "值": "上海"}]}) == ("张三", ["上海"])


@pytest.mark.parametrize("path", ["name", "", "$.", "$.a[", "$.a b", "$[?(", "$.a..", "$.1st"])
def test_what_is_not_a_path_is_refused(path: str) -> None:
    """A path that jsonpath-ng cannot read is an error when it is written, not when it is used."""
    with pytest.raises(PathError):
        read_path(path)


@pytest.mark.parametrize("key", ["a'); import os; ('", 'a"b', "a\nb", "{0}"])
def test_no_key_can_become_code(key: str) -> None:
    """The generated function treats every key as text."""
    quote = '"' if "'" in key else "'"
    get = compile_getter([read_path(f"$[{quote}{key}{quote}]")])
    assert get({key: 1}) == (1,)


def test_the_getter_leaves_the_record_alone() -> None:
    """Reading changes nothing."""
    record: dict[str, Json] = {"a": [{"b": 1}]}
    compile_getter([read_path("$.a[0].c"), read_path("$.a[?(@.b=='1')].x"), read_path("$..q")])(record)
    assert record == {"a": [{"b": 1}]}
