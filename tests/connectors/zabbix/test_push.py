"""The push: what push.py prints is what opens our door and fills our records."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from connectors.kit import webhooks
from connectors.kit.refusals import RefusedDoorError
from connectors.zabbix import push
from core.clock import SystemClock
from core.words import Delivery, Record
from lab.standins.server import Answer, Request, Server
from lab.standins.zabbix import Zabbix as StandIn
from tests.connectors.zabbix.plant import HOT, connector, plant, records

SECRET = "whsec_W4CQNf3tH+nGDFR0p7SYDoMzNDKVdgVLDwn1hdvnzzw="

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "recorded_signatures.json").read_text())
OTHER = "whsec_AAAANf3tH+nGDFR0p7SYDoMzNDKVdgVLDwn1hdvnzzw="


class Door(Server):
    """Takes what is pushed, and answers with the scripted statuses first."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[Request] = []
        self.statuses: list[int] = []
        self.arrived = threading.Condition()

    def answer(self, request: Request) -> Answer:
        with self.arrived:
            self.taken.append(request)
            self.arrived.notify_all()
            return Answer(self.statuses.pop(0) if self.statuses else 202, b'{"status":"accepted"}')

    def wait(self, count: int) -> list[Request]:
        """Wait until that many pushes have arrived."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.taken) >= count, 5), f"{len(self.taken)} pushes arrived, not {count}"
            return list(self.taken)


@contextmanager
def pushing(signing: str = "standard_webhooks") -> Iterator[tuple[StandIn, Any, Door]]:
    """Give a stand-in that pushes into a door, set up by install as a super admin would."""
    with Door() as door, plant() as (standin, made):
        standin.retry_s = 0.05
        admin = connector(standin.url, username="Admin", password="zabbix")
        push.install(admin.call, f"{door.url}/in/zabbix-east", SECRET, "1", signing=signing)
        admin.close()
        yield standin, made, door


def parsed(made: Any, request: Request) -> Record:
    """Parse a push as the inbox would."""
    found: list[Record] = made.parse(Delivery("rcp_1", made.name, request.body, request.headers, 0), made.settings)
    return found[0]


@pytest.mark.parametrize("signing", ["standard_webhooks", "header"])
def test_what_is_pushed_opens_the_declared_door(signing: str) -> None:
    """The door that push.py names opens for these bytes, and stays shut when one byte differs."""
    with pushing(signing) as (standin, _, door):
        standin.world.raise_problem(HOT)
        request = door.wait(1)[0]

    door_of, now = push.DOORS[signing], SystemClock().now()
    webhooks.verify(door_of, {"secret": SECRET}, request.headers, request.body, now=now)
    with pytest.raises(RefusedDoorError):
        webhooks.verify(door_of, {"secret": OTHER}, request.headers, request.body, now=now)
    if signing == "standard_webhooks":
        with pytest.raises(RefusedDoorError):
            webhooks.verify(door_of, {"secret": SECRET}, request.headers, request.body[:-1] + b" ", now=now)


def test_what_a_real_zabbix_signed_opens_the_door() -> None:
    """The script that ships ran in a real 6.0.14: its signature is one, and its retry has the same id."""
    first, retry = RECORDED["taken"]
    for one in (first, retry):
        now = int(one["headers"]["webhook-timestamp"]) * 1_000_000
        door = push.DOORS["standard_webhooks"]
        found = webhooks.verify(door, {"secret": RECORDED["secret"]}, one["headers"], one["body"].encode(), now=now)
        assert found == first["headers"]["webhook-id"]
    assert first["headers"]["webhook-signature"] != retry["headers"]["webhook-signature"]


def test_neither_secret_nor_address_is_in_the_body() -> None:
    """What we keep as the delivery holds no secret."""
    with pushing() as (standin, _, door):
        standin.world.raise_problem(HOT)
        body = json.loads(door.wait(1)[0].body)

    assert not {"URL", "secret", "signing"} & set(body)
    assert SECRET not in json.dumps(body)
    assert body["payload"] == push.PAYLOAD


def test_a_problem_pushed_and_polled_is_the_same_record() -> None:
    """Problem, update and recovery arrive by push as the records that polling gives, with their times and actors."""
    with pushing() as (standin, made, door):
        eventid = standin.world.raise_problem(HOT, opdata="now 91 °C")
        opened = parsed(made, door.wait(1)[0])
        polled = records(made, made.poll("problems", None))[0]
        made.act("acknowledge", {"id": eventid, "message": "seen"}, key="k")
        acknowledged = parsed(made, door.wait(2)[1])
        standin.world.recover(eventid)
        resolved = parsed(made, door.wait(3)[2])

    assert opened.data == {name: value for name, value in polled.data.items() if name != "manual_close"}
    assert opened.at == polled.at
    assert (acknowledged.actor, acknowledged.data["acknowledged"]) == ("gateway", True)
    assert (resolved.actor, resolved.data["status"]) == (None, "resolved")
    assert resolved.data["r_clock"] is not None


def test_the_author_of_an_update_is_not_told_of_it() -> None:
    """Zabbix skips who made the update: the media must belong to another user than the gateway's own."""
    with pushing() as (standin, _, door):
        eventid = standin.world.raise_problem(HOT)
        door.wait(1)
        standin.world.update(standin.world.users["Admin"], [eventid], 2, "", None)
        standin.world.update(standin.world.users["gateway"], [eventid], 4, "hello", None)
        second = json.loads(door.wait(2)[1].body)

    assert second["update_message"] == "hello"


def test_a_push_that_is_refused_is_sent_again_unchanged() -> None:
    """A failing webhook is retried with the same bytes, so that the door knows it for the same delivery."""
    with pushing() as (standin, _, door):
        door.statuses = [503, 503]
        standin.world.raise_problem(HOT)
        taken = door.wait(3)
        deadline = time.monotonic() + 5
        while standin.alerts[0]["status"] != "1" and time.monotonic() < deadline:
            time.sleep(0.01)

    assert len({request.body for request in taken}) == 1
    assert len({request.headers["webhook-id"] for request in taken}) == 1
    assert (standin.alerts[0]["status"], standin.alerts[0]["retries"]) == ("1", 2)


def test_a_push_that_never_arrives_is_given_up() -> None:
    """After its attempts Zabbix gives up for ever; that is why problems are polled as well."""
    with pushing() as (standin, _, door):
        door.statuses = [500] * 50
        standin.world.raise_problem(HOT)
        taken = door.wait(10)
        deadline = time.monotonic() + 5
        while standin.alerts[0]["status"] == "0" and time.monotonic() < deadline:
            time.sleep(0.01)

    assert standin.alerts[0]["status"] == "2"
    assert len(taken) == 10


def test_install_can_be_repeated() -> None:
    """Run again it renews what is there: one media type, one action, and a user's other media stay."""
    with Door() as door, StandIn().demo() as standin:
        standin.world.users["Admin"].medias.append({**push.media("1"), "sendto": ["mail@example.com"]})
        admin = connector(standin.url, username="Admin", password="zabbix")
        first = push.install(admin.call, door.url, SECRET, "1")
        second = push.install(admin.call, door.url, OTHER, "1")
        admin.close()

    assert first["mediatypeid"] == second["mediatypeid"]
    assert len(standin.rpc.actions) == 1
    assert [one["mediatypeid"] for one in standin.world.users["Admin"].medias] == ["1", first["mediatypeid"]]


def test_the_command_prints_what_zabbix_imports(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The command prints an import file with every macro and our script, and names the door that goes with it."""
    monkeypatch.setenv("DOOR_SECRET", SECRET)

    assert push.main(["--url", "https://tieline.test/in/z", "--secret-env", "DOOR_SECRET"]) == 0

    printed = capsys.readouterr()
    found = json.loads(printed.out)["zabbix_export"]["media_types"][0]
    given = {one["name"]: one["value"] for one in found["parameters"]}
    assert given["URL"] == "https://tieline.test/in/z"
    assert given["secret"] == SECRET
    assert {name: given[name] for name in push.MACROS} == dict(push.MACROS)
    assert "webhook-signature: v1," in found["script"]
    assert '"scheme":"standard_webhooks"' in printed.err


def test_the_command_says_when_the_secret_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a secret the file has a gap with a name, and a line that says so."""
    assert push.main(["--url", "https://tieline.test/in/z", "--api"]) == 0

    printed = capsys.readouterr()
    assert "No secret given" in printed.err
    assert [one["method"] for one in json.loads(printed.out)] == ["mediatype.create", "user.update", "action.create"]


def test_every_way_of_signing_is_a_door() -> None:
    """Each scheme that the kind recommends has its door here, and the kit can read it."""
    for name, door in push.DOORS.items():
        assert webhooks.describe(door).scheme == name
    with pytest.raises(ValueError, match="standard_webhooks, header, path"):
        push.parameters("https://x", "s", "rot13")
