"""Secrets go in and come out nowhere: canaries through the whole running system, on a far side that repeats all it hears."""

from __future__ import annotations

import logging
import traceback
from base64 import b64encode
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from click.testing import CliRunner

import gateway.cli
from bridges.polls import Poller
from bridges.replay import Choice
from bridges.replay import run as replay
from core.clock import FixedClock
from core.database import Database
from core.errors import TielineError
from core.tables import connector, stream
from gateway import problems
from tests.flows.echo import MODES, Echo
from tests.gateway.ground import Ground, make_ground

PASSWORD = 'kanarie"geheim\\wort<77>'
TOKEN = "canary-token-5f7d2a91c3"
DOOR = "canary-door-81b6e0d24f7a"
SIGNING = "whsec_" + b64encode(b"canary signing key of 32 bytes!!").decode()
SECRETS = (PASSWORD, TOKEN, DOOR, SIGNING)

KINDS: dict[str, dict[str, Any]] = {
    "zabbix": {"kind": "zabbix", "settings": {"username": "hub", "password": PASSWORD}},
    "zabbix-token": {"kind": "zabbix", "settings": {"api_token": TOKEN}},
    "roundup": {"kind": "roundup", "settings": {"username": "hub", "password": PASSWORD}},
    "tryton": {"kind": "tryton", "settings": {"database": "lab", "username": "hub", "password": PASSWORD}},
    "webhook": {"kind": "webhook", "settings": {"secret": SIGNING, "token": TOKEN}},
    "memory": {"kind": "memory", "settings": {"world": "canary", "token": TOKEN}},
}


def forms() -> set[bytes]:
    """Return every way a canary could be written."""
    found = set()
    for one in SECRETS:
        found |= {one, quote(one, safe=""), b64encode(one.encode()).decode(), one.replace("\\", "\\\\").replace('"', '\\"')}
        found |= {b64encode(f"hub:{one}".encode()).decode(), f"hub:{one}"}
    return {one.encode() for one in found}


class Net:
    """Everything that anybody could see, and what of it is looked for."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, bytes]] = []

    def add(self, where: str, shown: str | bytes) -> None:
        self.seen.append((where, shown if isinstance(shown, bytes) else shown.encode("utf-8", "replace")))

    def error(self, where: str, error: BaseException) -> None:
        self.add(where, "".join(traceback.format_exception(error)) + repr(error))
        if isinstance(error, TielineError):
            self.add(where, problems.body(error))

    def leaks(self) -> list[str]:
        return sorted({f"{where}: {form.decode()}" for where, shown in self.seen for form in forms() if form in shown})


@pytest.fixture
def echo() -> Iterator[Echo]:
    made = Echo()
    yield made
    made.stop()


@pytest.fixture
def ground(sqlite_db: Database, tmp_path: Path, clock: FixedClock) -> Iterator[Ground]:
    made = make_ground(sqlite_db, tmp_path, clock)
    made.world("canary").token = "another"
    yield made
    made.close()


def register_all(ground: Ground, echo: Echo, net: Net) -> None:
    """Register every kind as a draft: over http, and over https to a port that does not speak it."""
    for scheme in ("http", "https"):
        for name, more in KINDS.items():
            settings = dict(more["settings"])
            if more["kind"] != "memory":
                settings |= {"url": f"{scheme}://127.0.0.1:{echo.port}", "timeout_s": 0.2}
            body: dict[str, Any] = {"name": f"{name}-{scheme}", "kind": more["kind"], "settings": settings}
            net.add(f"refused {name}", ground.call("POST", "/connectors", body).data)
            body["draft"] = True
            if more["kind"] != "tryton":
                body |= {"inbound": {"scheme": "path"}, "door_secret": DOOR}
            response = ground.call("POST", "/connectors", body)
            assert response.status_code == 201, response.get_data(as_text=True)
            net.add(f"registered {name}", response.data)
    wrong = {"name": "wrong", "kind": "tryton", "settings": {"password": [PASSWORD], "username": TOKEN * 0, "url": 7}}
    net.add("invalid settings", ground.call("POST", "/connectors", wrong).data)
    net.add("unknown setting", ground.call("PATCH", "/connectors/webhook-http", {"settings": {"tokenn": TOKEN}}).data)


def speak(ground: Ground, net: Net, where: str) -> None:
    """Let every connector check, poll, look up and act, each in vain."""
    for row in ground.parts.registered.all():
        net.add(f"{where} check {row.name}", ground.call("POST", f"/connectors/{row.name}/check").data)
        one = ground.parts.registered.open(row.name)
        net.add(f"repr {row.name}", f"{one!r} {row!r} {one.settings!r} {vars(one)!r} {ground.parts!r}")
        tries: list[Callable[[], Any]] = [partial(one.poll, found.name, None) for found in one.kind.streams if found.polled]
        tries += [
            partial(one.lookup, found.name, dict.fromkeys([f.name for f in found.inputs], "7"), timeout_s=0.3)
            for found in one.kind.lookups
        ]
        for act in one.kind.acts:
            given = {f.name: {"a": "7"} if f.name == "payload" else "7" for f in act.arguments}
            tries.append(partial(one.act, act.name, given, key="k"))
        for attempt in tries:
            try:
                net.add(f"{where} {row.name}", repr(attempt()))
            except Exception as error:
                net.error(f"{where} {row.name}", error)


def knock(ground: Ground, net: Net) -> None:
    """Deliver well and badly, with the secret where it belongs and where it does not."""
    for row in ground.parts.registered.all():
        for path in (
            f"/in/{row.name}/{DOOR}",
            f"/in/{row.name}/{DOOR}x",
            f"/in/{DOOR}",
            f"/in/{row.name}/{DOOR}/",
            f"/in/{row.name}",
        ):
            for data in (b'{"id": "1", "a": NaN}', b"\xff\xfe{", b""):
                net.add(f"door {path.replace(DOOR, '…')}", ground.deliver(path, data).data.replace(path.encode(), b""))
        net.add(
            "door header",
            ground.deliver(f"/in/{row.name}/x", headers={"X-Token": TOKEN, "Authorization": f"Bearer {TOKEN}"}).data,
        )
        net.add("door body", ground.deliver(f"/in/{row.name}/x", f'{{"token": "{DOOR}"}}'.encode()).data)


def engine(ground: Ground) -> None:
    """Poll and handle as the worker does, with every connector taken out of its draft, and replay what came."""
    with ground.db.write() as conn:
        conn.execute(connector.update().values(state="ok"))
        conn.execute(stream.update().values(next_at=0))
    ground.parts.registered.refresh()
    Poller(ground.db, ground.parts.registered, owner="test").run()
    ground.work()
    for name in ("webhook-http", "zabbix-http"):
        replay(ground.db, Choice(connector=name), by="test")
    ground.work()


def look(ground: Ground, net: Net, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """See what people, programs and thieves of files can see."""
    receipts = [one["receipt"] for one in ground.ok("GET", "/deliveries")["items"]]
    actions = [one["id"] for one in ground.ok("GET", "/actions")["items"]]
    names = [row.name for row in ground.parts.registered.all()]
    client = ground.client()
    client.post("/sign-in", data={"key": ground.key})
    rules = [rule for rule in ground.app.url_map.iter_rules() if "GET" in (rule.methods or set())]
    assert len(rules) > 40
    for rule in rules:
        names_of = {"name": names, "id": receipts[:5] + actions[:5], "code": ["credentials"]}
        variables = sorted(rule.arguments)
        for value in next((names_of[v] for v in variables if v in names_of), ["x"]):
            path = rule.rule
            for variable in variables:
                path = path.replace(f"<{variable}>", value).replace(f"<path:{variable}>", value)
            headers = {"Authorization": f"Bearer {ground.key}"} if path.startswith("/api/") else {}
            net.add(path, client.get(path, headers=headers).data)
    monkeypatch.setenv("TIELINE_HOME", str(home))
    for words in (
        "connectors list",
        "doctor",
        "events list",
        "events refusals",
        "repairs list",
        "actions list",
        f"why {receipts[0]}",
        *[f"connectors show {n}" for n in names],
        f"--json connectors show {names[0]}",
        f"definitions export {home / 'out'}",
        f"export {home / 'out'}",
    ):
        net.add(f"tieline {words}", CliRunner().invoke(gateway.cli.main, words.split(), prog_name="tieline").output)
    for file in home.rglob("*"):
        if file.is_file():
            net.add(file.name, file.read_bytes())


@pytest.mark.slow
def test_no_canary_comes_out_anywhere(
    ground: Ground, echo: Echo, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers, problems, pages, metrics, command line, logs, reprs, exports, the database and its log hold no secret."""
    caplog.set_level(logging.DEBUG)
    net = Net()
    register_all(ground, echo, net)
    for mode in MODES:
        echo.mode = mode
        speak(ground, net, mode)
    assert echo.heard > 100
    knock(ground, net)
    echo.mode = "500"
    engine(ground)
    look(ground, net, tmp_path, monkeypatch)
    net.add("log", caplog.text)

    assert {"tieline.db", "tieline.db-wal"} <= {where for where, _ in net.seen}
    leaks = net.leaks()
    assert not leaks, "\n".join(leaks)
    with ground.db.read() as conn:
        kept = conn.exec_driver_sql("SELECT secrets FROM connector WHERE secrets IS NOT NULL").scalars().all()
    assert len(kept) == 2 * len(KINDS)
    assert all(str(one).startswith("gAAAA") for one in kept), "secrets are kept as Fernet tokens only"
    key = ground.key[12:].encode()
    assert [where for where, shown in net.seen if key in shown] == []
