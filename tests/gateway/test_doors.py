"""Doors: raw bytes are verified, committed and only then promised; what is refused is recorded."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest
from sqlalchemy import select

from connectors.kit import webhooks
from core.tables import conflict, delivery, refusal
from gateway.doors.reading import CAP, CutOffError, read_body
from gateway.refusals import TooLargeError
from tests.gateway.ground import Ground

BODY = b'{"alert": {"id": "7001"}}'


def rows(ground: Ground, table: Any) -> list[dict[str, Any]]:
    with ground.db.read() as conn:
        return [dict(row) for row in conn.execute(select(table)).mappings()]


def open_path(ground: Ground, name: str = "plant", **more: Any) -> str:
    """Register a connector with a secret address and return that address."""
    made = ground.register(name, inbound={"scheme": "path"}, **more)
    return str(made["door"]["url"]).removeprefix("http://tieline.test")


def test_a_delivery_is_committed_before_it_is_promised(ground_on_each: Ground) -> None:
    """202 carries a receipt whose row is there, byte for byte, and the worker is rung."""
    path = open_path(ground_on_each)

    response = ground_on_each.deliver(path, BODY)

    answer = response.get_json()
    assert response.status_code == 202
    assert answer["status"] == "accepted"
    (row,) = rows(ground_on_each, delivery)
    assert (row["receipt"], bytes(row["body"]), row["state"]) == (answer["receipt"], BODY, "waiting")
    assert answer["links"] == {"self": f"/api/v1/events/{row['receipt']}"}
    assert ground_on_each.rings


def test_the_same_again_is_recognised(ground: Ground) -> None:
    """200 with the first receipt; nothing is stored twice, and it is counted."""
    path = open_path(ground)
    first = ground.deliver(path, BODY).get_json()

    response = ground.deliver(path, BODY)

    assert response.status_code == 200
    assert response.get_json() == {**first, "status": "duplicate"}
    assert [row["seen"] for row in rows(ground, delivery)] == [2]


def test_another_body_under_a_known_id_is_a_conflict_that_is_kept(ground: Ground) -> None:
    """409 names the first receipt; both bodies can be seen."""
    path = open_path(ground)
    first = ground.deliver(path, BODY, headers={"webhook-id": "m1"}).get_json()

    response = ground.deliver(path, b'{"alert": {"id": "other"}}', headers={"webhook-id": "m1"})

    problem = response.get_json()
    assert response.status_code == 409
    assert (problem["code"], problem["facts"]["receipt"]) == ("changed-delivery", first["receipt"])
    assert len(rows(ground, conflict)) == 1
    (shown,) = ground.ok("GET", "/conflicts")["items"]
    assert (shown["first"], shown["other"]) == (BODY.decode(), '{"alert": {"id": "other"}}')


@pytest.mark.parametrize("scheme", ["standard_webhooks", "hmac", "header", "basic"])
def test_every_scheme_opens_to_its_own_sign_and_to_no_changed_byte(ground: Ground, scheme: str) -> None:
    """What the kit signs is taken; the same signature over another body, or a wrong secret, is 401 and recorded."""
    more = {"hmac": {"header": "X-Sign"}, "header": {"header": "X-Token"}, "basic": {"user": "zabbix"}}.get(scheme, {})
    door = {"scheme": scheme, **more}
    made = ground.register("plant", inbound=door)
    secret = made["door"]["secret"]
    good = webhooks.sign(door, {"secret": secret}, BODY, message_id="m1", now=ground.clock.now())

    assert ground.deliver("/in/plant", BODY, headers=good).status_code == 202

    bad_secret = webhooks.fresh_secret(scheme)
    bad = webhooks.sign(door, {"secret": bad_secret}, BODY, message_id="m2", now=ground.clock.now())
    response = ground.deliver("/in/plant", BODY, headers=bad)
    assert response.status_code == 401
    if scheme in ("standard_webhooks", "hmac"):
        assert ground.deliver("/in/plant", BODY + b" ", headers=good).status_code == 401
    refused = rows(ground, refusal)
    assert {row["code"] for row in refused} == {response.get_json()["code"]}
    assert {bytes(row["head"])[: len(BODY)] for row in refused} == {BODY}
    assert len(rows(ground, delivery)) == 1


def test_an_old_signature_is_refused(ground: Ground) -> None:
    """A recorded message cannot be played back later."""
    made = ground.register("plant", inbound={"scheme": "standard_webhooks"})
    secrets = {"secret": made["door"]["secret"]}
    signed = webhooks.sign({"scheme": "standard_webhooks"}, secrets, BODY, message_id="m1", now=ground.clock.now())

    ground.clock.move(301)

    response = ground.deliver("/in/plant", BODY, headers=signed)
    assert (response.status_code, response.get_json()["code"]) == (401, "door-timestamp-old")


@pytest.mark.parametrize("wrong", ["/in/plant", "/in/plant/", "/in/plant/guess", "/in/plant/{right}/more"])
def test_a_secret_address_must_be_the_whole_one(ground: Ground, wrong: str) -> None:
    """Any other address is 401, and the address that was tried is not written down."""
    path = open_path(ground)

    response = ground.deliver(wrong.replace("{right}", path.rpartition("/")[2]), BODY)

    assert response.status_code == 401
    (row,) = rows(ground, refusal)
    assert "guess" not in json.dumps({name: str(value) for name, value in row.items()})
    assert row["remote"] == "127.0.0.1"


def test_an_unknown_connector_is_refused_and_recorded(ground: Ground) -> None:
    """404 with the code, and a row with the size and the first 256 bytes."""
    response = ground.deliver("/in/nobody", b"x" * 1000)

    assert (response.status_code, response.get_json()["code"]) == (404, "unknown-connector")
    (row,) = rows(ground, refusal)
    assert (row["connector"], row["size"], bytes(row["head"])) == ("nobody", 1000, b"x" * 256)


def test_a_body_of_exactly_the_cap_is_taken_and_one_byte_more_is_not(ground: Ground) -> None:
    """The cap is one MiB, to the byte."""
    path = open_path(ground)

    assert ground.deliver(path, b"x" * CAP).status_code == 202
    response = ground.deliver(path, b"x" * (CAP + 1))

    assert (response.status_code, response.get_json()["code"]) == (413, "too-large")
    (row,) = rows(ground, refusal)
    assert (row["size"], len(bytes(row["head"]))) == (CAP + 1, 256)


class Endless(io.RawIOBase):
    """A sender that never stops; it notes how much was taken."""

    taken = 0

    def read(self, size: int = -1) -> bytes:
        assert size >= 0, "read everything at once"
        self.taken += size
        return b"x" * size


def test_a_chunked_body_is_given_up_at_the_first_byte_over_the_cap() -> None:
    """Without a length nothing is believed: reading stops, whatever else would come."""
    sender = Endless()

    with pytest.raises(TooLargeError):
        read_body({"wsgi.input": sender, "wsgi.input_terminated": True}, CAP)

    assert sender.taken <= CAP + 1


def test_a_chunked_body_within_the_cap_is_taken(ground: Ground) -> None:
    """A body without a length arrives whole."""
    path = open_path(ground)

    response = ground.client().post(
        path, input_stream=io.BytesIO(BODY), environ_overrides={"wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    )

    assert response.status_code == 202
    assert bytes(rows(ground, delivery)[0]["body"]) == BODY


def test_a_lie_about_the_length_is_not_stored() -> None:
    """A body shorter than announced was cut off; a length that is no number is refused."""
    with pytest.raises(CutOffError):
        read_body({"wsgi.input": io.BytesIO(b"abc"), "CONTENT_LENGTH": "10"})
    for length in ("-1", "1e3", "٣", "0x10"):
        with pytest.raises(Exception, match="length"):
            read_body({"wsgi.input": io.BytesIO(b"abc"), "CONTENT_LENGTH": length})


def test_a_held_or_draft_connector_still_takes_deliveries(ground: Ground) -> None:
    """Disabling holds; it never drops."""
    path = open_path(ground)
    ground.ok("POST", "/connectors/plant/hold")
    assert ground.deliver(path, BODY).status_code == 202

    draft = open_path(ground, "draft", settings={"world": "draft", "token": "wrong"}, draft=True)
    assert ground.deliver(draft, BODY).status_code == 202


def test_a_connector_without_a_scheme_stays_shut_but_tells_the_sender_to_keep_it(ground: Ground) -> None:
    """503: a person has to open the door, so the sender shall try again rather than drop it."""
    ground.register("plant")

    response = ground.deliver("/in/plant", BODY)

    assert (response.status_code, response.get_json()["code"]) == (503, "door-setup")
    assert "Retry-After" in response.headers


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_doors_are_only_posted_to(ground: Ground, method: str) -> None:
    """405 with Allow: POST."""
    response = ground.client().open("/in/plant", method=method)

    assert (response.status_code, response.headers["Allow"]) == (405, "POST")


def test_a_compressed_body_is_refused(ground: Ground) -> None:
    """A small body cannot unfold into a large one."""
    response = ground.deliver(open_path(ground), BODY, headers={"Content-Encoding": "gzip"})

    assert response.status_code == 415


def test_secrets_in_headers_are_not_kept_with_the_delivery(ground: Ground) -> None:
    """Only harmless headers are stored: the type, the sender's program, ids and CloudEvents attributes."""
    path = open_path(ground)

    ground.deliver(
        path,
        BODY,
        headers={
            "Authorization": "Bearer s3cret",
            "Cookie": "s3cret",
            "X-Api-Key": "s3cret",
            "ce-type": "x",
            "User-Agent": "zbx",
        },
    )

    (row,) = rows(ground, delivery)
    assert row["headers"] == {"content-type": "application/json", "ce-type": "x", "user-agent": "zbx"}


def test_hostile_bodies_are_stored_as_they_are(ground: Ground) -> None:
    """The door parses nothing, so no body can break it; whoever handles it says what is wrong with it."""
    path = open_path(ground)
    hostile = [b"[" * 100_000, b'{"a": NaN}', b'{"a": 1, "a": 2}', b"\xff\xfe\x00", b"\x00", b'{"a": "\\ud800"}']

    for body in hostile:
        assert ground.deliver(path, body).status_code == 202

    assert {bytes(row["body"]) for row in rows(ground, delivery)} == set(hostile)
    assert ground.deliver(path, b"").status_code == 400


def test_a_rotated_secret_opens_beside_the_old_one(ground: Ground) -> None:
    """While both sides change it, old and new open; after the next rotation the oldest does not."""
    old = open_path(ground)
    new = ground.ok("PATCH", "/connectors/plant", {"rotate": True})["door"]["url"].removeprefix("http://tieline.test")
    assert old != new
    assert ground.deliver(old, b"1").status_code == 202
    assert ground.deliver(new, b"2").status_code == 202

    newest = ground.ok("PATCH", "/connectors/plant", {"rotate": True})["door"]["url"].removeprefix("http://tieline.test")

    assert ground.deliver(old, b"3").status_code == 401
    assert ground.deliver(newest, b"4").status_code == 202


def test_what_doors_did_is_counted(ground: Ground) -> None:
    """/metrics counts every outcome by its code."""
    path = open_path(ground)
    for body in (b"1", b"1", b"2"):
        ground.deliver(path, body)
    ground.deliver("/in/nobody", b"1")

    text = ground.client().get("/metrics").get_data(as_text=True)

    assert 'tieline_door_requests_total{outcome="accepted"} 2.0' in text
    assert 'tieline_door_requests_total{outcome="duplicate"} 1.0' in text
    assert 'tieline_door_requests_total{outcome="unknown-connector"} 1.0' in text
    assert 'tieline_deliveries{state="waiting"} 2.0' in text
    assert re.search(r'^tieline_deliveries_accepted_total\{connector="[^"]+"\} 2.0$', text, re.MULTILINE)
    assert "tieline_accounting_balanced 1.0" in text
