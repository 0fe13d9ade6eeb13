"""What the register answers a reconciliation client: the manifest, candidates, suggestions, values, previews."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup
from sqlalchemy import Connection, select

from core.jsons import dumps
from core.tables import connector
from core.words import Json
from gateway.openapi import release
from gateway.reconcile.forms import BATCH, Extension, Query
from mappings.catalogue import Catalogue
from mappings.identity import current, entered, external_ids
from mappings.identity.candidates import Candidate, begins_with, candidates, describe
from mappings.models import EntitySpec, FieldSpec

KNOWN_AS = "known_as"
"""``known_as.<connector>``: what that system calls it."""

Answer = dict[str, Any]


def manifest(base: str, console: str, live: Catalogue, language: str) -> Answer:
    """Describe the service; every address in it begins with ``base``."""

    def place(path: str) -> dict[str, str]:
        return {"service_url": base, "service_path": path}

    def suggestions(what: str) -> dict[str, str]:
        return {**place(f"/suggest/{what}"), "flyout_service_url": base, "flyout_service_path": f"/flyout/{what}?id=${{id}}"}

    return {
        "versions": ["0.1", "0.2"],
        "name": "Tieline",
        "identifierSpace": f"{console}/entities/",
        "schemaSpace": f"{console}/fields",
        "serviceVersion": release(),
        "documentation": f"{console}/openapi.json",
        "view": {"url": f"{console}/entities/{{{{id}}}}"},
        "defaultTypes": [typed(etype, live, language) for etype in sorted(live.entities)],
        "preview": {"url": f"{base}/preview?id={{{{id}}}}", "width": 420, "height": 260},
        "suggest": {what: suggestions(what) for what in ("entity", "type", "property")},
        "extend": {"propose_properties": place("/properties"), "property_settings": []},
        "batchSize": BATCH,
        "authentication": {"type": "apiKey", "name": "key", "in": "query"},
    }


def typed(etype: str, live: Catalogue, language: str) -> dict[str, str]:
    """Return a type with its name."""
    return {"id": etype, "name": _title(live.entities[etype].title, etype, language)}


def _title(title: Any, otherwise: str, language: str) -> str:
    return otherwise if title is None else str(title.zh if language == "zh" else title.en)


def matched(conn: Connection, queries: Mapping[str, Query], live: Catalogue, language: str) -> Answer:
    """Answer a batch, each query by itself."""
    return {
        name: {"result": [_candidate(one, live, language) for one in candidates(conn, query.asked(), live)]}
        for name, query in queries.items()
    }


def _candidate(one: Candidate, live: Catalogue, language: str) -> Answer:
    return {
        "id": one.gid,
        "name": one.name,
        "description": f"{typed(one.etype, live, language)['name']} {one.gid}",
        "type": [typed(one.etype, live, language)],
        "score": one.score,
        "match": one.match,
        "features": [{"id": name, "value": score} for name, score in sorted(one.features.items())],
    }


def suggested(conn: Connection, what: str, prefix: str, skip: int, live: Catalogue, language: str) -> Answer:
    """Answer what begins with this: entities, types or properties."""
    if what == "entity":
        found = begins_with(conn, prefix, live, skip=skip) if prefix.strip() else []
        return {
            "result": [
                {
                    "id": one.gid,
                    "name": one.name,
                    "description": f"{typed(one.etype, live, language)['name']} {one.gid}",
                    "notable": [typed(one.etype, live, language)],
                }
                for one in found
            ]
        }
    known = (
        [typed(etype, live, language) for etype in live.entities] if what == "type" else _properties(conn, None, live, language)
    )
    wanted = prefix.strip().casefold()
    begun = [one for one in known if any(part.casefold().startswith(wanted) for part in _sayings(one))]
    return {"result": sorted(begun, key=lambda one: one["id"])[skip : skip + 20]}


def _sayings(one: Mapping[str, str]) -> list[str]:
    """Return the ways to begin to name a type or property: by id, by the field alone, by title."""
    return [one["id"], one["id"].rpartition(".")[2], one["name"]]


def proposed(conn: Connection, etype: str | None, limit: int | None, live: Catalogue, language: str) -> Answer:
    """Answer which properties entities of a type may have."""
    found = _properties(conn, etype, live, language)
    answer: Answer = {"properties": found if limit is None else found[:limit]}
    return answer | ({} if etype is None else {"type": etype}) | ({} if limit is None else {"limit": limit})


def _properties(conn: Connection, etype: str | None, live: Catalogue, language: str) -> list[dict[str, str]]:
    found = []
    for name, spec in sorted(live.entities.items()):
        if etype in (None, name):
            within = _title(spec.title, name, language)
            found += [
                {"id": f"{name}.{field}", "name": f"{_title(one.title, field, language)} ({within})"}
                for field, one in spec.fields.items()
            ]
    word = "编号" if language == "zh" else "Id in"
    names = conn.execute(select(connector.c.name).order_by(connector.c.name)).scalars()
    return found + [{"id": f"{KNOWN_AS}.{name}", "name": f"{word} {name}"} for name in names]


def extended(conn: Connection, asked: Extension, live: Catalogue, language: str) -> Answer:
    """Answer the values of fields; ids that were never given out, and fields nobody has, are there and empty."""
    gids = {one: entered(one) for one in asked.ids}
    who = current(conn, gids.values())
    survivors = sorted({one.entity_id for one in who.values()})
    told = dict(zip(survivors, describe(conn, survivors, live), strict=True))
    connectors = {row.name: row.id for row in conn.execute(select(connector.c.name, connector.c.id))}
    rows: dict[str, Any] = {}
    for one, gid in gids.items():
        found = told.get(who[gid].entity_id) if gid in who else None
        rows[one] = {wanted.id: _values(conn, wanted.id, found, live, connectors) for wanted in asked.properties}
    return {"meta": [_meta(wanted.id, live, language) for wanted in asked.properties], "rows": rows}


def _meta(pid: str, live: Catalogue, language: str) -> Answer:
    etype, _, name = pid.rpartition(".")
    spec = live.entities.get(etype)
    field = _field(spec, name, live)
    if field is None:
        return {"id": pid, "name": pid}
    described: Answer = {"id": pid, "name": _title(field.title, name, language)}
    return described | ({"type": typed(field.to, live, language)} if field.to in live.entities else {})


def _field(spec: EntitySpec | None, name: str, live: Catalogue) -> FieldSpec | None:
    if spec is not None:
        return spec.fields.get(name)
    return next((one.fields[name] for one in live.entities.values() if name in one.fields), None)


def _values(
    conn: Connection,
    pid: str,
    found: tuple[Candidate, dict[str, Json]] | None,
    live: Catalogue,
    connectors: Mapping[str, int],
) -> list[Answer]:
    """Return one field of one entity as the protocol writes values."""
    if found is None:
        return []
    one, fields = found
    etype, _, name = pid.rpartition(".")
    if etype == KNOWN_AS:
        return [{"str": raw} for raw in external_ids(conn, [one.entity_id], connectors.get(name, 0)).values()]
    if etype not in ("", one.etype):
        return []
    spec = live.entities[one.etype].fields.get(name)
    said = fields.get(name)
    listed = said if isinstance(said, list) else [] if said is None else [said]
    return [_written(conn, each, spec, live) for each in listed]


def _written(conn: Connection, said: Json, spec: FieldSpec | None, live: Catalogue) -> Answer:
    if isinstance(said, bool):
        return {"str": "true" if said else "false"}
    if isinstance(said, int):
        return {"int": said}
    if isinstance(said, float):
        return {"float": said}
    if not isinstance(said, str):
        return {"str": dumps(said)}
    if spec is not None and spec.type == "time":
        return {"date": said}
    if spec is not None and spec.type == "ref":
        who = current(conn, [said]).get(said)
        name = said if who is None else describe(conn, [who.entity_id], live)[0][0].name
        return {"id": said if who is None else who.gid, "name": name}
    return {"str": said}


def previewed(conn: Connection, gid: str, live: Catalogue, language: str) -> str | None:
    """Return a small page about an entity, or None if it was never given out."""
    who = current(conn, [entered(gid)]).get(entered(gid))
    if who is None:
        return None
    one, fields = describe(conn, [who.entity_id], live)[0]
    specs = live.entities[one.etype].fields if one.etype in live.entities else {}
    rows = Markup("").join(
        Markup("<tr><th>{}</th><td>{}</td></tr>").format(_title(getattr(specs.get(name), "title", None), name, language), said)
        for name, said in list(fields.items())[:12]
    )
    kind = typed(one.etype, live, language)["name"] if one.etype in live.entities else one.etype
    page = Markup(
        '<!doctype html><html lang="{}"><head><meta charset="utf-8"><title>{}</title></head>'
        '<body style="font:13px/1.4 sans-serif;margin:8px"><strong>{}</strong><br>{} {}'
        '<table style="text-align:left;margin-top:6px">{}</table></body></html>'
    )
    return str(page.format(language, one.name, one.name, kind, one.gid, rows))
