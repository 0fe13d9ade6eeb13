"""Before a batch is handled: every entity of it is kept as it is, and what is known of it is read, with a few statements."""

from __future__ import annotations

from bridges.batch import Batch
from bridges.echoes import under_way
from bridges.parsed import Item
from mappings.scope import Loaded, Want, load_scopes


def prefetch(batch: Batch, items: list[Item]) -> None:
    """Keep every entity of the batch and those it refers to as they are, and read what is known of them."""
    wants = []
    old = set()
    named: set[int] = set()
    loaded = batch.loaded
    for item in items:
        if item.resolved is not None and item.mapping is not None:
            etype, known = item.mapping.to, item.resolved
            loaded.gids[known.entity_id] = known.gid
            loaded.survivors[known.gid] = known.entity_id
            if known.minted and known.entity_id not in old:  # nothing is known of it, and nobody acts upon it
                loaded.current.setdefault(known.entity_id, {})
            else:
                old.add(known.entity_id)
            joins: dict[str, str] = {}
            for happened in ("created", "changed"):
                for bridge in batch.rules.candidates(etype, happened):
                    joins |= {
                        f"{bridge.name}.{alias}": path
                        for alias, path in bridge.spec.join.items()
                        if path.startswith(f"{etype}.")
                    }
            wants.append(Want(etype, known.entity_id, joins))
            named |= item.refers if joins else set()
    batch.kept.own |= loaded.current.keys() - old
    _keep(batch, wants, old, named)
    load_scopes(batch.conn, batch.catalogue, wants, loaded)
    batch.writing = under_way(batch.conn, old) if old else {}


def _keep(batch: Batch, wants: list[Want], old: set[int], named: set[int]) -> None:
    """Lock what the batch tells of and what its bridges will read beside it, before either is read to be judged."""
    joined = [want for want in wants if want.joins and want.entity_id in old]
    seen = Loaded()
    if batch.kept.missing(old) and joined:  # a first look, only to learn who is joined
        load_scopes(batch.conn, batch.catalogue, joined, seen)
    batch.kept.take(old, named | seen.current.keys())
