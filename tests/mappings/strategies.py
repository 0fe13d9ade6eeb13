"""Random JSON documents, planted so that paths lead into them: Chinese keys, nulls, missing parts, wrong types."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from core.words import Json

KEYS = ("a", "b", "tag", "value", "客户", "名称", "v-1")
TEXTS = ("x", "y", "", "客户")

leaves = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(TEXTS)
documents = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=20,
)
_small = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=2), max_leaves=4
)

Part = str | int | tuple[str, str | int]
"""A key, an index, or the filter key == text or number."""

_keys = st.sampled_from(KEYS)
_plain_parts: st.SearchStrategy[Part] = st.one_of(_keys, st.integers(-2, 2))
_filter_parts: st.SearchStrategy[Part] = st.tuples(st.sampled_from(("a", "b", "tag")), st.sampled_from((*TEXTS[:3], 0, 1, -2)))


def written(parts: list[Part], quoted: list[bool]) -> str:
    """Return the path as text; keys now plain, now in quotes."""
    text = "$"
    for part, quote in zip(parts, quoted, strict=True):
        if isinstance(part, tuple):
            text += f"[?(@.{part[0]}=={part[1]!r})]"
        elif isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f"['{part}']" if quote else f".{part}"
    return text


@st.composite
def planted(draw: Callable[..., Json], parts: list[Part]) -> Json:
    """Return a document in which the path leads somewhere, unless a part of it was spoilt on the way."""
    document = draw(_small)
    for part in reversed(parts):
        spoilt = draw(st.integers(0, 9)) == 0
        if spoilt:
            document = draw(_small)
        elif isinstance(part, tuple):
            items = [draw(_small), document, draw(_small), document]
            key, text = part
            found = [
                {**one, key: draw(st.sampled_from((text, text, "z", None, True, 1.0)))} if isinstance(one, dict) else one
                for one in items
            ]
            document = dict(zip(KEYS, found, strict=False)) if draw(st.booleans()) else found
        elif isinstance(part, int):
            inner, size = document, draw(st.integers(0, 3))
            document = [draw(_small) for _ in range(size)]
            if -size <= part < size:
                document[part] = inner
        else:
            document = {**draw(st.dictionaries(_keys, _small, max_size=2)), part: document}
    return document


@st.composite
def paths_with_documents(draw: Callable[..., Json], *, filtered: bool) -> tuple[str, Json]:
    """Return a path and a document made for the beginning of it, so that its end may fall on anything."""
    parts = draw(st.lists(_plain_parts, min_size=1, max_size=4))
    if filtered:
        parts = [*parts[:1], draw(_filter_parts), *parts[1:3]]
    reach = draw(st.integers(max(0, len(parts) - 1), len(parts)))
    return written(parts, [draw(st.booleans()) for _ in parts]), draw(planted(parts[:reach]))
