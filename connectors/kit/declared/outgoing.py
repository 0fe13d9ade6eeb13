"""A request on its way out: what credentials and signers may still add to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

import orjson


@dataclass(slots=True)
class Outgoing:
    """One request before it is sent; header names are in small letters."""

    method: str
    url: str  #: without the query
    query: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    json: Any = None
    body: bytes | None = None

    def seal(self) -> bytes | None:
        """Return the body as bytes, and remember it: what is signed is what is sent."""
        if self.body is None and self.json is not None:
            self.body = orjson.dumps(self.json)
            self.headers.setdefault("content-type", "application/json")
        return self.body

    @property
    def target(self) -> str:
        """Return the whole address."""
        if not self.query:
            return self.url
        pairs = [(name, one) for name, value in self.query.items() for one in (value if isinstance(value, list) else (value,))]
        asked = "&".join([f"{quote_plus(name)}={quote_plus(str(one))}" for name, one in pairs])
        return f"{self.url}{'&' if '?' in self.url else '?'}{asked}"
