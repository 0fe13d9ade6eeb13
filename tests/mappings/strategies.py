"""Random JSON documents whose keys collide with the paths under test: Chinese keys, nulls, wrong types."""

from __future__ import annotations

from hypothesis import strategies as st

KEYS = ("a", "b", "tag", "value", "客户", "名称", "v-1")

leaves = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(("x", "y", "", "客户"))
documents = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=20,
)
_segments = st.one_of(
    st.sampled_from(KEYS).map(lambda key: f".{key}"),
    st.sampled_from(KEYS).map(lambda key: f"['{key}']"),
    st.integers(-3, 3).map(lambda n: f"[{n}]"),
)
_filters = st.builds(
    lambda key, text: f"[?(@.{key}=='{text}')]", st.sampled_from(("a", "b", "tag")), st.sampled_from(("x", "y", ""))
)

plain_paths = st.lists(_segments, min_size=1, max_size=4).map(lambda parts: "$" + "".join(parts))
filter_paths = st.builds(
    lambda before, one, after: "$" + "".join([*before, one, *after]),
    st.lists(st.sampled_from((".a", ".b", ".tag", "[0]")), max_size=2),
    _filters,
    st.lists(st.sampled_from((".a", ".b", ".value", "[0]")), max_size=2),
)
