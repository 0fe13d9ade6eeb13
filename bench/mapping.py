"""
Mapping a record: 30 plain fields with their trace, from bytes, beside ``orjson.loads`` and a bare generated getter.

``python -m bench.mapping``. The trace is what every value keeps: its state, the source's own words and where they stood.
Further lines show the same record through jsonpath-ng, jmespath and glom, 300 fields beside 30, and one field with a
filter beside a plain one. The closing line is the first figure; ``holds`` is true when every bar does.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import glom
import jmespath
import orjson
from jsonpath_ng import parse  # type: ignore[attr-defined] # the library re-exports it

from core.words import Json
from mappings.models import EntitySpec, MappingSpec
from mappings.translate import Mapping, compile_mapping, translate

ROUNDS, SECONDS = 9, 0.15
PLAIN_BAR, GROWTH_BAR, FILTER_BAR = 0.5, 11.0, 2.0
PLAIN = (
    "event.id", "event.type", "event.ts", "event.severity.label", "customer.customer_id", "customer.name",
    "customer.contact.name", "customer.contact.phone", "customer.contact.email", "customer.contact.address.province",
    "customer.contact.address.city", "customer.contact.address.district", "customer.contact.address.street",
    "customer.contact.address.zip", "device.sn", "device.model", "device.site.id", "device.site.name", "device.site.line.id",
    "device.site.line.name", "device.firmware.ver", "device.firmware.built", "metrics[0].unit", "metrics[1].unit",
    "metrics[2].q.src", "metrics[3].k", "tags[0].value", "tags[3].value", "tags[5].key", "raw",
)  # fmt: skip
"""Thirty plain and indexed paths of a record of 3 KB; those of the earlier measurements, all of them text."""

RECORD: dict[str, Json] = {
    "event": {"id": "evt-1", "type": "alarm", "ts": "2026-03-01T08:00:00+08:00", "severity": {"code": 3, "label": "major"}},
    "customer": {
        "customer_id": "EC-20260215-8891",
        "name": "深圳市腾讯计算机系统有限公司",
        "contact": {
            "name": "张三",
            "phone": "138 0013 8000",
            "email": "a@b.cn",
            "address": {"province": "广东省", "city": "深圳市", "district": "南山区", "street": "科技园路1号", "zip": "518057"},
        },
    },
    "device": {
        "sn": "SN-00112233",
        "model": "X200",
        "site": {"id": "S-1", "name": "一号车间", "line": {"id": "L-7", "name": "冲压"}},
        "firmware": {"ver": "1.2.3", "built": "2025-12-01"},
    },
    "metrics": [
        {"k": f"m{n}", "v": n * 3.125, "unit": "°C" if n % 2 else "kPa", "q": {"good": True, "src": "plc"}} for n in range(24)
    ],
    "tags": [{"key": f"t{n}", "value": "v" * 8} for n in range(12)],
    "raw": "x" * 300,
}


def mapping(paths: list[str]) -> Mapping:
    """Return a compiled mapping that reads these paths into text fields."""
    names = [f"f{n}" for n in range(len(paths))]
    fields = {name: {"type": "string"} for name in names}
    entity = EntitySpec.model_validate({"name": "x", "prefix": "XX", "title": {"en": "x", "zh": "x"}, "fields": fields})
    written = dict(zip(names, paths, strict=True))
    source = {"kind": "k", "stream": "s"}
    spec = MappingSpec.model_validate({"name": "m", "from": source, "to": "x", "fields": written})
    made = compile_mapping(spec, entity, {})
    assert isinstance(made, Mapping), made
    return made


def bare(paths: tuple[str, ...]) -> Callable[[Json], list[Json]]:
    """Return the barest function that reads the same paths: a list of values, None where there is none."""
    lines = ["def get(d):", f"    o = [None] * {len(paths)}"]
    for n, path in enumerate(paths):
        steps = "".join(
            f"[{part}]" if part.isdigit() else f"[{part!r}]" for part in path.replace("[", ".").replace("]", "").split(".")
        )
        lines += ["    try:", f"        o[{n}] = d{steps}", "    except (KeyError, IndexError, TypeError):", "        pass"]
    names: dict[str, Any] = {}
    exec("\n".join([*lines, "    return o"]), names)
    get: Callable[[Json], list[Json]] = names["get"]
    return get


def rate(what: Callable[[], object]) -> float:
    """Return how often per second it can be done."""
    done, started = 0, time.perf_counter()
    while (took := time.perf_counter() - started) < SECONDS:
        for _ in range(20):
            what()
        done += 20
    return done / took


def pairs(ours: Callable[[], object], beside: Callable[[], object]) -> list[tuple[float, float]]:
    """Measure two things in turn."""
    ours(), beside()
    return [(rate(ours), rate(beside)) for _ in range(ROUNDS)]


def middle(found: list[tuple[float, float]]) -> tuple[float, float, float]:
    """Return the medians of both, and of the pairs' ratios."""
    return (
        statistics.median(one for one, _ in found),
        statistics.median(other for _, other in found),
        statistics.median(one / other for one, other in found),
    )


def main() -> bool:
    """Measure, print, and say whether all bars hold."""
    body = orjson.dumps(RECORD)
    print(f"{platform.machine()}, Python {platform.python_version()}, a record of {len(body)} bytes, 30 fields")
    thirty, get = mapping([f"$.{path}" for path in PLAIN]), bare(PLAIN)
    assert [one.value for one in translate(thirty, RECORD).fields.values()] == get(RECORD)
    plain = pairs(lambda: translate(thirty, orjson.loads(body)), lambda: get(orjson.loads(body)))
    ours, beside, ratio = middle(plain)
    print(f"30 plain fields with trace, from bytes: {ours:,.0f}/s; orjson.loads + bare getter: {beside:,.0f}/s; {ratio:.3f}")
    alone, _, alone_ratio = middle(pairs(lambda: translate(thirty, RECORD), lambda: get(orjson.loads(body))))
    print(f"  the mapping alone: {alone:,.0f}/s; {alone_ratio:.3f} of the same rival")
    _rivals(alone)
    growth = _growth(thirty)
    filtered = _filters(thirty)
    holds = {"plain": ratio >= PLAIN_BAR, "growth": growth <= GROWTH_BAR, "filter": max(filtered) <= FILTER_BAR}
    told = ", ".join(f"{name} {'holds' if good else 'FAILS'}" for name, good in holds.items())
    print(f"bars: {told}")
    closing = {"figure": round(ours, 1), "beside": round(beside, 1), "ratio": round(ratio, 4), "bar": PLAIN_BAR}
    print(json.dumps(closing | {"holds": all(holds.values())}))
    return all(holds.values())


def _rivals(ours: float) -> None:
    """Show the same 30 values through the libraries that people know, parsed or compiled before."""
    parsed = [parse(f"$.{path}") for path in PLAIN]
    asked = [jmespath.compile(path) for path in PLAIN]
    spec = {f"f{n}": path.replace("[", ".").replace("]", "") for n, path in enumerate(PLAIN)}
    for name, what in (
        ("jsonpath-ng", lambda: [one.find(RECORD) for one in parsed]),
        ("jmespath", lambda: [one.search(RECORD) for one in asked]),
        ("glom", lambda: glom.glom(RECORD, spec)),
    ):
        found = statistics.median(rate(what) for _ in range(3))
        print(f"  {name}, values only, no trace: {found:,.0f}/s; the mapping does {ours / found:.1f} times as many")


def _growth(thirty: Mapping) -> float:
    """Return what 300 fields cost beside 30."""
    three_hundred = mapping([f"$.{path}" for path in PLAIN * 10])
    many, few, _ = middle(found := pairs(lambda: translate(three_hundred, RECORD), lambda: translate(thirty, RECORD)))
    growth = statistics.median(one / other for other, one in found)
    print(f"300 fields: {many:,.0f}/s; 30 fields: {few:,.0f}/s; {growth:.2f} times the cost (at most {GROWTH_BAR:g})")
    return growth


def _filters(thirty: Mapping) -> tuple[float, float]:
    """Return what a filter costs: one among 30 plain fields, and each of 24 of one list beside as many plain ones."""
    one = mapping([*(f"$.{path}" for path in PLAIN[:-1]), "$.metrics[?(@.k=='m7')].unit"])
    assert translate(one, RECORD).fields["f29"].value == "°C"
    cost = 1 / middle(pairs(lambda: translate(one, RECORD), lambda: translate(thirty, RECORD)))[2]
    print(f"30 fields, one of them a filter over 24 items: {cost:.2f} times the cost of 30 plain ones (at most {FILTER_BAR:g})")
    filters = mapping([f"$.metrics[?(@.k=='m{n}')].unit" for n in range(24)])
    indexed = mapping([f"$.metrics[{n}].unit" for n in range(24)])
    assert [x.value for x in translate(filters, RECORD).fields.values()] == [
        x.value for x in translate(indexed, RECORD).fields.values()
    ]
    each = 1 / middle(pairs(lambda: translate(filters, RECORD), lambda: translate(indexed, RECORD)))[2]
    print(f"24 filters over one list: {each:.2f} times the cost of 24 plain fields (at most {FILTER_BAR:g})")
    return cost, each


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
