"""A Tieline that forwards every reading to a far side: what the tests of backups and full disks stand on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.flow import PACK, SECRET, TITLE
from lab.gateway import Gateway
from tests.kill.far_side import FarSide


@contextmanager
def tieline(home: Path, far_side: FarSide, environment: dict[str, str]) -> Iterator[Gateway]:
    """Run a Tieline with the embedded bell that forwards every reading to the far side."""
    made = Gateway(home, environment)
    try:
        made.start()
        made.api.post("/connectors", {"name": "sink", "kind": "webhook", "settings": {"url": far_side.url, "secret": SECRET}})
        door = made.api.post(
            "/connectors",
            {"name": "source", "kind": "webhook", "settings": {"id_field": "thing"}, "inbound": {"scheme": "path"}},
        )["door"]
        made.notes["path"] = f"/in/source/{door['secret']}"
        bridge: dict[str, Any] = {**PACK[3], "on": {"entity": "reading", "events": ["created", "changed"]}}
        header = {"name": "kill", "title": TITLE, "connectors": {"source": "webhook", "sink": "webhook"}}
        made.api.post("/definitions/apply", {"header": header, "definitions": [*PACK[:3], bridge]})
        yield made
    finally:
        made.stop()
