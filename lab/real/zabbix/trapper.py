"""Zabbix' sender protocol: measured values pushed to trapper items, with times of their own if need be."""

from __future__ import annotations

import json
import re
import socket
import struct
import time
from collections.abc import Iterable
from dataclasses import dataclass

from core.errors import TransientError
from lab.real.places import HOST

_HEADER = b"ZBXD\x01"


@dataclass(frozen=True, slots=True)
class Value:
    """One measured value of one item; ``clock`` in unix seconds, now when left out."""

    host: str
    key: str
    value: float
    clock: int | None = None


def send(port: int, values: Iterable[Value]) -> int:
    """Send values and return how many the server took; unknown items are not taken and raise nothing."""
    data = [
        {"host": one.host, "key": one.key, "value": str(one.value), **({"clock": one.clock} if one.clock else {})}
        for one in values
    ]
    body = json.dumps({"request": "sender data", "data": data, "clock": int(time.time())}).encode()
    with socket.create_connection((HOST, port), timeout=10) as line:
        line.sendall(_HEADER + struct.pack("<Q", len(body)) + body)
        answer = b""
        while chunk := line.recv(65536):
            answer += chunk
    taken = re.search(rb"processed: (\d+)", answer)
    if taken is None:
        raise TransientError("The Zabbix server did not confirm the values.", why=f"It answered {answer[:200]!r}.")
    return int(taken[1])
