"""``python -m tests.house.matching_page > docs/reference/matching.md``: the ways to compare, made from the code."""

from __future__ import annotations

import sys

from mappings.matching.comparing import KINDS
from mappings.matching.telling import LEVELS, WHYS

HEAD = """# Ways to compare / 比较方式

Made from the code (`python -m tests.house.matching_page`); a test compares. `match: {fields: {name: person}}` of an
entity names them; `{as: person, weight: 0.5}` scales the points.
/ 由代码生成，并由测试核对。在实体的 `match` 中引用；`weight` 可调整分值。

| way | compares | 比较内容 | points if equal |
|---|---|---|---|
"""
SEEN = "\n## What is seen / 比较结果\n\n| word | meaning | 含义 |\n|---|---|---|\n"
ASKED = "\n## Why a person is asked / 为何须由人判断\n\n| word | meaning | 含义 |\n|---|---|---|\n"


def page() -> str:
    """Return the whole page."""
    kinds = "".join(f"| `{one.name}` | {one.en} | {one.zh} | {one.best:g} |\n" for one in KINDS.values())
    levels = "".join(f"| `{word}` | {told.en} | {told.zh} |\n" for word, told in LEVELS.items())
    whys = "".join(f"| `{word}` | {told.en} | {told.zh} |\n" for word, told in WHYS.items())
    return HEAD + kinds + SEEN + levels + ASKED + whys


if __name__ == "__main__":
    sys.stdout.write(page())
