"""What entities and fields are called by people: the titles that their definitions carry, beside the technical names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from sqlalchemy import Connection

from core.definitions import live


@dataclass(frozen=True, slots=True)
class Names:
    """
    The live entities' titles in one language.

    >>> names = Names({"alert": {"title": {"zh": "告警"}, "fields": {"part": {"title": {"zh": "备件"}}}}}, "zh")
    >>> names.entity("alert"), names.field("alert.part"), names.field("alert.odd"), names.happening("alert.created")
    ('告警', '备件', None, '告警')
    """

    entities: Mapping[str, Mapping[str, Any]]
    language: str

    def entity(self, etype: str) -> str | None:
        """Return the title of an entity, or None."""
        return self._title(self.entities.get(etype, {}))

    def field(self, path: str) -> str | None:
        """Return the title of a field given as ``entity.field``, or None."""
        etype, _, name = path.partition(".")
        return self._title(self.entities.get(etype, {}).get("fields", {}).get(name, {}))

    def happening(self, event_type: str) -> str | None:
        """Return the title of the entity that an event type (``alert.created``) is about, or None."""
        return self.entity(event_type.partition(".")[0])

    def called(self, path: str) -> Markup:
        """Write a field as people call it, with its technical name; where there is no title, the name alone."""
        title, name = self.field(path), path.partition(".")[2]
        if title is None:
            return Markup("{}").format(name)
        return Markup('{} <code class="help">{}</code>').format(title, name)

    def _title(self, spec: Mapping[str, Any]) -> str | None:
        titles = spec.get("title") or {}
        found = titles.get(self.language) or titles.get("en")
        return str(found) if found else None


def load(conn: Connection, language: str) -> Names:
    """Return the names of everything that is live."""
    return Names({one.name: one.spec for one in live(conn, "entity")}, language)
