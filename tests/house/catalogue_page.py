"""Writes docs/catalogue.md from the kinds themselves: `python -m tests.house.catalogue_page > docs/catalogue.md`."""

from __future__ import annotations

import sys
from collections import Counter

from connectors.kit.declared.connector import Declared
from connectors.kit.declared.manifest import CATEGORIES
from connectors.kit.quality import LEVELS
from connectors.registry import connector_class, kind_names, sheet_of

_HEAD = """# Catalogue of kinds / 系统类型目录

Generated from the kinds and their quality sheets; a test holds it against them. What a level means:

| level | 程度 | means |
|---|---|---|
| *declared* | 已声明 | it is described, and passes the laws against itself; some of its facts are recalled, not read |
| *documented* | 有据可依 | requests and answers are held against exchanges written from the source that it names |
| *recorded* | 有录制 | held against bytes that a real system produced |
| *real* | 真实验证 | held against the running system |

None of these has been tried by us at its vendor's unless it says *real*. Where a check can prove only that somebody
answers, the kind says so. `tieline kinds show KIND` tells settings, offers and open points.
[Write your own](how-to/write-a-kind.md).

"""


def page() -> str:
    """Return the whole page."""
    rows = []
    for name in kind_names():
        made = connector_class(name)
        kind, sheet = made.kind, sheet_of(name)
        category = made.manifest.category if issubclass(made, Declared) else ""
        reads = ", ".join([*(one.name for one in kind.streams), *(one.name for one in kind.lookups)])
        writes = ", ".join(one.name for one in kind.acts)
        shown = f"{category} {CATEGORIES.get(category, '')}".strip() or "with code of its own"
        pushed = "yes" if any(one.pushed for one in kind.streams) else ""
        best = sheet.evidence[0]
        cells = (
            f"`{name}`",
            f"{kind.title.en} · {kind.title.zh}",
            shown,
            reads,
            writes,
            pushed,
            f"{sheet.level} ({best.date})",
        )
        rows.append("| " + " | ".join(cells) + " |")
    counted = Counter(sheet_of(name).level for name in kind_names())
    told = ", ".join(f"{counted[level]} {level}" for level in reversed(LEVELS) if counted[level])
    head = "| kind | system | category | reads | writes | pushed | proven |\n|---|---|---|---|---|---|---|\n"
    return f"{_HEAD}{len(kind_names())} kinds: {told}.\n\n{head}" + "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
