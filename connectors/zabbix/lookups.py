"""Lookups: the mean CPU use of a host from history or trends, and one host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.zabbix.hosts import WANTED, from_host
from connectors.zabbix.poll import Call
from core.clock import SECOND
from core.errors import InputError
from core.words import Found, Json, Micros

NUMERIC = {"0": "float", "3": "unsigned"}
"""Value types of an item that a mean can be taken of; history.get answers [] for the wrong one, without an error."""

MOST_ROWS = 20_000
HOUR = 3600


def cpu_mean(call: Call, inputs: Mapping[str, Json], keys: tuple[str, ...], now: Micros) -> Found:
    """Return the mean of a host's CPU item: from history where it is kept, else from trends, weighted by samples."""
    hostid, hours = required(inputs, "hostid"), _hours(inputs.get("hours"))
    item = _item(call, hostid, keys)
    if item is None:
        return Found({}, None, f"zabbix item.get host {hostid} keys {', '.join(keys)}", absent=True)
    till = now // SECOND
    since = till - hours * HOUR
    return _from_history(call, item, since, till) or _from_trends(call, item, since, till) or _nothing(item, hours)


def _item(call: Call, hostid: str, keys: tuple[str, ...]) -> dict[str, Any] | None:
    """Return the first item of the list that exists and is enabled."""
    found = call(
        "item.get",
        {
            "hostids": [hostid],
            "filter": {"key_": list(keys), "status": "0"},
            "output": ["itemid", "key_", "value_type", "units"],
        },
    )
    by_key = {item["key_"]: item for item in found if str(item["value_type"]) in NUMERIC}
    return next((by_key[key] for key in keys if key in by_key), None)


def _from_history(call: Call, item: dict[str, Any], since: int, till: int) -> Found | None:
    rows = call(
        "history.get",
        {
            "history": int(item["value_type"]),
            "itemids": [item["itemid"]],
            "time_from": since,
            "time_till": till,
            "output": ["clock", "value"],
            "sortfield": "clock",
            "sortorder": "DESC",
            "limit": MOST_ROWS,
        },
    )
    if not rows or len(rows) == MOST_ROWS:
        return None
    mean = sum(float(row["value"]) for row in rows) / len(rows)
    return _found(item, mean, len(rows), "history", max(int(row["clock"]) for row in rows))


def _from_trends(call: Call, item: dict[str, Any], since: int, till: int) -> Found | None:
    """Weigh each hour by its samples. An hour's row appears when the hour is over, so the span is widened to whole hours."""
    rows = call(
        "trend.get",
        {
            "itemids": [item["itemid"]],
            "time_from": since // HOUR * HOUR,
            "time_till": till,
            "output": ["clock", "num", "value_avg"],
        },
    )
    samples = sum(int(row["num"]) for row in rows)
    if not samples:
        return None
    mean = sum(int(row["num"]) * float(row["value_avg"]) for row in rows) / samples
    return _found(item, mean, samples, "trends", min(max(int(row["clock"]) for row in rows) + HOUR, till))


def _found(item: dict[str, Any], mean: float, samples: int, method: str, newest: int) -> Found:
    values = {"mean": round(mean, 3), "samples": samples, "unit": item.get("units") or "%", "method": method}
    table = "history.get" if method == "history" else "trend.get"
    return Found(values, newest * SECOND, f"zabbix {table} item {item['itemid']} ({item['key_']})")


def _nothing(item: dict[str, Any], hours: int) -> Found:
    return Found({}, None, f"zabbix history.get and trend.get item {item['itemid']} ({item['key_']}), {hours} h", absent=True)


def host(call: Call, inputs: Mapping[str, Json], now: Micros) -> Found:
    """Return one host with inventory and tags."""
    hostid = required(inputs, "hostid")
    found = call("host.get", {**WANTED, "hostids": [hostid]})
    source = f"zabbix host.get {hostid}"
    return Found(from_host(found[0]).data, now, source) if found else Found({}, None, source, absent=True)


def required(inputs: Mapping[str, Json], name: str) -> str:
    """Return an input that must be there, as text; Zabbix' ids are digits and nothing else."""
    value = inputs.get(name)
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not (text.isascii() and text.isdigit()):
        raise InputError(
            f"{name} must be a Zabbix id.",
            why=f"It is {value!r}; Zabbix' ids are digits.",
            fix=f"Pass the {name} that Zabbix gave.",
        )
    return text


def _hours(value: Json) -> int:
    if value is None:
        return 1
    if (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, str) and value.isascii() and value.isdigit()
    ):
        hours = int(value)
        if 1 <= hours <= 720:
            return hours
    raise InputError("hours must be a whole number from 1 to 720.", why=f"It is {value!r}.", fix="Leave it out for one hour.")
