"""What the engine's tests share: registered connectors of kind memory, an inbox that is closed at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bridges.deliver import Deliverer
from bridges.handle import Handler
from bridges.inbox import Inbox
from bridges.polls import Poller
from bridges.registered import Registered
from connectors.memory.world import find_world
from connectors.registry import connector_class
from core.clock import FixedClock
from core.database import Database
from core.ids import new_id
from core.secrets import Vault
from core.tables import connector
from tests.bridges.plant import BRIDGES, ENTITIES, MAPPINGS, Plant, publish_all

AddConnector = Callable[..., int]


@pytest.fixture
def add_connector(db: Database) -> AddConnector:
    """Give a function that registers a connector row and returns its id."""

    def add(
        name: str = "plant", kind: str = "memory", *, state: str = "ok", held_by: str | None = None, **settings: str
    ) -> int:
        with db.write() as conn:
            now = db.now(conn)
            result = conn.execute(
                connector.insert().values(
                    name=name,
                    kind=kind,
                    settings=settings,
                    state=state,
                    held_by=held_by,
                    breaker_failures=0,
                    created_at=now,
                    updated_at=now,
                )
            )
            assert result.inserted_primary_key is not None
            return int(result.inserted_primary_key[0])

    return add


@pytest.fixture
def inbox(db: Database) -> Iterator[Inbox]:
    """Give an open inbox."""
    opened = Inbox(db)
    yield opened
    opened.close()


@pytest.fixture
def registered(db: Database, tmp_path: Path) -> Iterator[Registered]:
    """Give the registered connectors of this database."""
    found = Registered(db, Vault(tmp_path / "secret.key"), connector_class)
    yield found
    found.close()


@pytest.fixture
def plant(db: Database, clock: FixedClock, registered: Registered, add_connector: AddConnector) -> Plant:
    """Give the small plant of ``tests.bridges.plant``, its definitions published."""
    ids, worlds = {}, {}
    for name in ("monitoring", "tickets"):
        world = f"{name}-{new_id('w')}"
        ids[name] = add_connector(name, world=world)
        worlds[name] = find_world(world)
        worlds[name].clock = clock
    publish_all(db, [*ENTITIES, *MAPPINGS, *BRIDGES])
    return Plant(
        db=db,
        clock=clock,
        registered=registered,
        handler=Handler(db, registered, owner="test-handler"),
        deliverer=Deliverer(db, registered, {}, owner="test-deliverer", clock=clock, pause=lambda _: None, spread=lambda: 0.0),
        poller=Poller(db, registered, owner="test-poller"),
        worlds=worlds,
        ids=ids,
    )
