"""The first manifest of a new kind: complete, passing, and small enough to be changed line by line."""

from __future__ import annotations

import re
from pathlib import Path

from connectors.kit.quality import RULES
from core.errors import ConflictError, InputError

_MANIFEST = """# yaml-language-server: $schema=manifest.schema.json
# What is offered is named here; nothing is computed. Every change: tieline kinds check {kind}
kind: {kind}
title: {{en: {title}, zh: {title}（中文名）}}
category: other
versions: which version of the interface this is about
sources: ["the manual of {title}, chapter and date"]
confidence: medium

settings:
  url: {{title: Address, zh: 地址, pattern: "^https?://[^\\\\s@]+$", example: "https://{kind}.example"}}
  token: {{title: API token, zh: API 令牌, secret: true, help: "where people find it in {title}"}}

address: "{{url}}/api"
auth: {{scheme: keys, headers: {{authorization: "Bearer {{token}}"}}}}
answer:
  words: message
  classify:
    - {{when: {{status: 404}}, as: not_found}}

check:
  - {{proves: credentials, request: {{path: me}}, say: name}}
  - {{proves: "sample:tickets"}}

streams:
  tickets:
    help: Tickets, the oldest change first
    every_s: 60
    request: {{path: tickets, query: {{updated_since: "{{since:rfc3339}}", offset: "{{offset}}", limit: "{{limit}}"}}}}
    records: tickets
    id: id
    at: {{at: updated_at, form: rfc3339}}
    version: updated_at
    paging: {{by: offset, size: 100}}
    since: {{at: updated_at, form: rfc3339, overlap_s: 60}}
    fields:
      id: {{type: integer, required: true}}
      title: {{help: what it is about}}
      status: {{help: open or done}}
      updated_at: {{type: time, form: rfc3339, required: true}}

acts:
  close_ticket:
    help: Say that a ticket is done
    arguments: {{id: {{type: integer, required: true}}}}
    repeat: idempotent
    request: {{method: PATCH, path: "tickets/{{arg.id}}", json: {{status: done}}}}
    id: "{{arg.id}}"
    fields: {{status: status}}
    verify:
      request: {{path: "tickets/{{arg.id}}"}}
      expect: [{{at: status, equals: done}}]
"""

_SETTINGS = """url: "{server}"
token: token-of-the-manual
"""

_EXCHANGES = """exchange: the check knows who we are
source: the manual, chapter …
confidence: medium
call: {check: true}
steps:
  - request: {path: /api/me, headers: {authorization: "Bearer token-of-the-manual"}}
    answer: {json: {name: tieline}}
  - request: {path: /api/tickets, query: {offset: "0", limit: "1"}}
    answer: {json: {tickets: []}}
expect: {report: {credentials: true, "sample:tickets": true}}
---
exchange: tickets from the beginning
source: the manual, chapter …
confidence: medium
call: {poll: tickets}
steps:
  - request: {path: /api/tickets, query: {offset: "0", limit: "100"}}
    answer: {json: {tickets: [{id: 7, title: Pump leaks, status: open, updated_at: "2026-01-01T08:00:00Z"}]}}
expect:
  more: false
  records: [{id: "7", version: "2026-01-01T08:00:00Z", data: {title: Pump leaks, status: open}}]
---
exchange: a ticket is done
source: the manual, chapter …
confidence: medium
call: {act: close_ticket, with: {id: 7}}
steps:
  - request: {method: PATCH, path: /api/tickets/7, json: {status: done}}
    answer: {json: {id: 7, status: done}}
    writes: true
  - request: {path: /api/tickets/7}
    answer: {json: {id: 7, status: done}}
expect: {outcome: {external_id: "7", fields: {status: done}}, verified: true}
---
exchange: what is refused keeps the words
source: the manual, chapter …
confidence: medium
call: {act: close_ticket, with: {id: 7}}
steps:
  - request: {method: PATCH, path: /api/tickets/7, json: {status: done}}
    answer: {status: 422, json: {message: the ticket is locked}}
expect: {error: refused, says: the ticket is locked}
"""


def scaffold(folder: Path, kind: str, title: str, day: str) -> list[Path]:
    """Write the files of a new kind into ``folder/kind``; what is there already is never overwritten."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", kind):
        raise InputError(
            f"{kind!r} cannot name a kind.", why="A kind is small letters, digits and _.", fix="Write it like shift_book."
        )
    home = folder / kind
    if home.exists():
        raise ConflictError(
            f"There is {home} already.", why="Nothing is overwritten.", fix="Choose another name, or change it."
        )
    rules = "".join(f"  {name}: {_rule(name)}\n" for name in RULES)
    evidence = f'  - {{level: documented, date: {day}, version: "1", what: "every exchange replays"}}\n'
    texts = {
        "manifest.yaml": _MANIFEST.format(kind=kind, title=title),
        "quality.yaml": f"kind: {kind}\nevidence:\n{evidence}rules:\n{rules}",
        "exchanges/settings.yaml": _SETTINGS,
        "exchanges/manual.yaml": _EXCHANGES,
    }
    for name, text in texts.items():
        place = home / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return [home / name for name in texts]


def _rule(name: str) -> str:
    exempt = {
        "parse-pushed": "this system does not push",
        "unknown-words": "no closed lists of words are declared",
        "echoes": "nothing tells our own writes from others yet",
    }
    return f'{{exempt: "{exempt[name]}"}}' if name in exempt else "done"
