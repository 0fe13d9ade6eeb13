"""The inbox: what is accepted is there, once, however often and from however many threads it comes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from bridges.accounting import balance
from bridges.inbox import CannotStoreError, Inbox
from bridges.storing import Arrival
from core.clock import FixedClock
from core.database import Database
from core.tables import conflict, connector, delivery, intake
from tests.bridges.conftest import AddConnector


def test_a_receipt_names_a_committed_row(db: Database, inbox: Inbox, add_connector: AddConnector) -> None:
    """When a receipt is given, another connection already sees the delivery with its bytes as they came."""
    plant = add_connector()
    receipt = inbox.accept(Arrival(plant, b'{"a": 1}', {"content-type": "application/json"}, "id-1"))

    with db.read() as conn:
        row = conn.execute(select(delivery).where(delivery.c.receipt == receipt.receipt)).mappings().one()

    assert (receipt.status, row["body"], row["state"], row["external_id"]) == ("accepted", b'{"a": 1}', "waiting", "id-1")


def test_a_known_id_with_the_same_body_is_the_first_receipt_again(inbox: Inbox, add_connector: AddConnector) -> None:
    """Sending the same again changes nothing but the count."""
    plant = add_connector()
    first = inbox.accept(Arrival(plant, b"x", external_id="id-1"))
    again = inbox.accept(Arrival(plant, b"x", external_id="id-1"))

    assert (again.status, again.receipt, again.seen) == ("duplicate", first.receipt, 2)


def test_a_known_id_with_another_body_is_kept_as_a_conflict(db: Database, inbox: Inbox, add_connector: AddConnector) -> None:
    """A conflict is neither dropped nor handled: each different body is kept once and counted."""
    plant = add_connector()
    first = inbox.accept(Arrival(plant, b"x", external_id="id-1"))
    answers = [inbox.accept(Arrival(plant, b"y", external_id="id-1")) for _ in range(2)]

    with db.read() as conn:
        kept = conn.execute(select(conflict.c.body, conflict.c.seen)).all()
    assert [(one.status, one.receipt) for one in answers] == [("conflict", first.receipt)] * 2
    assert [(bytes(body), seen) for body, seen in kept] == [(b"y", 2)]


def test_the_same_id_of_another_connector_is_another_delivery(inbox: Inbox, add_connector: AddConnector) -> None:
    """Ids belong to their connector."""
    one, other = add_connector("one"), add_connector("other")

    assert {inbox.accept(Arrival(c, b"x", external_id="id-1")).status for c in (one, other)} == {"accepted"}


def test_a_body_without_an_id_is_known_within_its_window_only(
    db: Database, inbox: Inbox, add_connector: AddConnector, clock: FixedClock
) -> None:
    """The same bytes within the declared window are one delivery; after it they are a new one, and both stay."""
    plant = add_connector()
    first = inbox.accept(Arrival(plant, b"x", window_s=60))
    clock.move(59)
    within = inbox.accept(Arrival(plant, b"x", window_s=60))
    clock.move(2)
    after = inbox.accept(Arrival(plant, b"x", window_s=60))

    assert [first.status, within.status, after.status] == ["accepted", "duplicate", "accepted"]
    assert after.receipt != first.receipt
    assert balance(db).deliveries["waiting"] == 2


@pytest.mark.parametrize("threads", [32])
def test_many_threads_sending_the_same_ids_make_each_delivery_once(
    db: Database, inbox: Inbox, add_connector: AddConnector, threads: int
) -> None:
    """Whatever arrives at once, an id is accepted exactly once, and what was promised is what is there."""
    plant = add_connector()
    start = threading.Barrier(threads)

    def send(n: int) -> list[str]:
        start.wait()
        return [inbox.accept(Arrival(plant, b"%d" % i, external_id=f"id-{i}")).status for i in range(20)]

    with ThreadPoolExecutor(threads) as pool:
        answers = [status for statuses in pool.map(send, range(threads)) for status in statuses]

    with db.read() as conn:
        seen = conn.execute(select(func.sum(delivery.c.seen))).scalar_one()
        promised = conn.execute(select(func.sum(intake.c.accepted))).scalar_one()
    assert answers.count("accepted") == 20
    assert (int(seen), int(promised)) == (threads * 20, 20)
    assert balance(db).holds


def test_a_twin_within_one_group_commit_is_counted_too(db: Database, add_connector: AddConnector) -> None:
    """Two equal arrivals in the same batch are one delivery seen twice; a third with another body is a conflict."""
    from bridges.storing import store
    from core.jsons import sha256

    plant = add_connector()
    arrivals = [Arrival(plant, body, external_id="id-1") for body in (b"x", b"x", b"y")]
    with db.write() as conn:
        receipts = store(db, conn, [(one, sha256(one.body), "id-1") for one in arrivals])
    with db.read() as conn:
        seen = conn.execute(select(delivery.c.seen)).scalar_one()

    assert [one.status for one in receipts] == ["accepted", "duplicate", "conflict"]
    assert len({one.receipt for one in receipts}) == 1
    assert seen == 2
    assert balance(db).holds


def test_what_cannot_be_stored_is_not_promised(db: Database, inbox: Inbox) -> None:
    """A database that refuses the row gives an error that says to send again, never a receipt."""
    with pytest.raises(CannotStoreError) as refused:
        inbox.accept(Arrival(999, b"x", external_id="id-1"))  # no such connector: the foreign key refuses

    assert refused.value.retry_after
    assert balance(db).accepted == 0


def test_one_commit_serves_many_requests(sqlite_db: Database) -> None:
    """Requests that wait together are committed together: far fewer commits than requests."""
    from sqlalchemy import event

    with sqlite_db.write() as conn:
        conn.execute(
            connector.insert().values(id=1, name="p", kind="memory", settings={}, state="ok", created_at=0, updated_at=0)
        )
    commits = []
    event.listen(sqlite_db.engine, "commit", lambda conn: commits.append(1))
    inbox = Inbox(sqlite_db)
    with ThreadPoolExecutor(32) as pool:
        list(pool.map(lambda n: inbox.accept(Arrival(1, b"%d" % n, external_id=str(n))), range(320)))
    inbox.close()

    assert len(commits) < 160
