"""The last line of every bench: a figure, what it is compared with, their ratio, and whether the bar holds."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence


def report(pairs: Sequence[tuple[float, float]], *, bar: float, unit: str) -> bool:
    """
    Print each interleaved pair (ours, beside) and the closing line; the ratio is the median of the pairs' ratios.

    Higher is better for both numbers. Returns whether the bar holds.
    """
    for ours, beside in pairs:
        print(f"ours {ours:,.1f} {unit}   beside {beside:,.1f} {unit}   ratio {ours / beside:.3f}")
    ratio = statistics.median(ours / beside for ours, beside in pairs)
    closing = {
        "figure": round(statistics.median(ours for ours, _ in pairs), 2),
        "beside": round(statistics.median(beside for _, beside in pairs), 2),
        "ratio": round(ratio, 4),
        "bar": bar,
        "holds": ratio >= bar,
    }
    print(json.dumps(closing))
    return bool(closing["holds"])
