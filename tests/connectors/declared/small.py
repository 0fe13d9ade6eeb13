"""A small manifest to bend in tests."""

from __future__ import annotations

from typing import Any

from connectors.kit.declared.connector import Declared, connector_of
from connectors.kit.declared.reading import read_manifest
from core.clock import Clock

SMALL = """
kind: small
title: {en: Small, zh: 小系统}
category: other
versions: "1"
sources: [this test]
confidence: high
settings:
  url: {title: Address, zh: 地址, pattern: "^https?://"}
  user: {title: User, zh: 用户, optional: true}
  password: {title: Password, zh: 密码, secret: true, optional: true}
address: "{url}/api"
auth: {scheme: none}
check:
  - {proves: reachable, request: {path: me}}
streams:
  things:
    help: things
    request: {path: things, query: {since: "{since:ms}", offset: "{offset}", limit: "{limit}"}}
    records: things
    id: id
    at: {at: at, form: ms}
    paging: {by: offset, size: 5}
    since: {at: at, form: ms, overlap_s: 0}
    fields:
      id: {type: integer, required: true}
      at: {type: integer, required: true}
"""


def bent(*changes: tuple[str, str], extra: str = "") -> type[Declared]:
    """Return the class of the small manifest with some texts replaced."""
    text = SMALL
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return connector_of(read_manifest(text + extra, "small.yaml"))


def made(kind: type[Declared], url: str, *, clock: Clock | None = None, **more: Any) -> Declared:
    """Return a connector that may reach this machine."""
    given = {"url": url, "allowed_networks": ["127.0.0.0/8"], "timeout_s": 3, **more}
    return kind("small", kind.kind.settings.model_validate(given), clock=clock)
