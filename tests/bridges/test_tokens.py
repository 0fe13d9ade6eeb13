"""Two workers, one rotating refresh token, a bad network: it is renewed once, and wrong credentials are tried once."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bridges.tokens import RowTokens, TrialTokens, try_again
from connectors.kit.declared.connector import Declared, connector_of
from connectors.kit.declared.reading import read_manifest
from connectors.kit.faults import FaultyRoute
from connectors.kit.tokens import Keeper, Token, WrongCredentialsError
from core.clock import SECOND, FixedClock
from core.database import Database
from core.errors import CredentialsError, TransientError
from core.secrets import Vault
from lab.standins.server import Answer, Request, Server

MANIFEST = """
kind: rotating
title: {en: Rotating, zh: 轮换}
category: other
versions: test
sources: [this test]
confidence: high
settings:
  url: {title: Address, zh: 地址}
  secret: {title: Secret, zh: 密钥, secret: true}
  refresh: {title: Refresh token, zh: 刷新令牌, secret: true}
address: "{url}"
auth: {scheme: oauth2, grant: authorization_code, authorize_url: "{url}/authorize", token_url: "{url}/token",
       client_id: tieline, client_secret: "{secret}", refresh_token: "{refresh}"}
check: [{proves: credentials, request: {path: things}}]
streams:
  things:
    help: things
    request: {path: things}
    records: things
    id: id
    fields: {id: {type: integer, required: true}}
"""


class Rotating(Server):
    """Gives an access token for a refresh token, once; a refresh token that comes twice ends the whole family (RFC 9700)."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()
        self.refresh, self.access = "refresh-token-0", "access-token-of-before"
        self.renewals = self.reused = 0
        self.is_revoked = False

    def answer(self, request: Request) -> Answer:
        """Renew, or show things to whoever has the latest access token."""
        with self.lock:
            if request.path == "/token":
                return self._renewed(request.body.decode())
            if request.headers.get("authorization") != f"Bearer {self.access}" or self.is_revoked:
                return Answer.of({"error": "token expired"}, 401)
            return Answer.of({"things": [{"id": 1}]})

    def _renewed(self, body: str) -> Answer:
        if f"refresh_token={self.refresh}" not in body or self.is_revoked:
            self.reused += 1
            self.is_revoked = True
            return Answer.of({"error": "invalid_grant", "error_description": "refresh token was used"}, 400)
        self.renewals += 1
        self.refresh, self.access = f"refresh-token-{self.renewals}", f"access-token-number-{self.renewals}"
        return Answer.of({"access_token": self.access, "refresh_token": self.refresh, "expires_in": 3600})


@pytest.fixture
def server() -> Iterator[Rotating]:
    """Give a far side whose refresh tokens may be used once."""
    with Rotating() as running:
        yield running


@pytest.fixture(scope="module")
def rotating() -> type[Declared]:
    """Give the class of its kind."""
    return connector_of(read_manifest(MANIFEST, "rotating.yaml"))


def _settings(url: str) -> dict[str, Any]:
    return {
        "url": url,
        "secret": "client-secret",
        "refresh": "refresh-token-0",
        "allowed_networks": ["127.0.0.0/8"],
        "timeout_s": 5,
    }


def _worker(database: str, key: str, connector_id: int, url: str, go: Any, found: Any) -> None:
    """One worker process: four threads that all want to read at once."""
    db = Database(database)
    cls = connector_of(read_manifest(MANIFEST, "rotating.yaml"))
    made = cls("rotating", cls.kind.settings.model_validate(_settings(url)))
    made.tokens = RowTokens(db, Vault(Path(key)), connector_id)
    go.wait(20)
    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda _: made.poll("things", None).count, range(8)))
    found.put(sum(counts))
    made.close()
    db.close()


def test_two_workers_renew_a_rotating_token_once(
    database_url: str, db: Database, server: Rotating, add_connector: Callable[..., int], tmp_path: Path
) -> None:
    """Two processes with four threads each, before a slow far side: one renewal, nobody is shut out."""
    connector_id = add_connector("rotating", "memory")
    Vault(tmp_path / "secret.key")
    context = multiprocessing.get_context("spawn")
    go, found = context.Event(), context.Queue()
    with FaultyRoute(server.url) as route:
        route.next(slow_s=0.5)  # the renewal takes its time, while seven others want it
        arguments = (database_url, str(tmp_path / "secret.key"), connector_id, route.url, go, found)
        workers = [context.Process(target=_worker, args=arguments) for _ in range(2)]
        for one in workers:
            one.start()
        go.set()
        counts = [found.get(timeout=40) for _ in workers]
        for one in workers:
            one.join(20)
        sent = [one.path for one in route.seen]
    assert counts == [8, 8]
    assert (server.renewals, server.reused) == (1, 0)
    assert sent.count("/token") == 1


def test_a_refused_token_is_renewed_once_by_all(
    db: Database, server: Rotating, rotating: type[Declared], add_connector: Callable[..., int], tmp_path: Path
) -> None:
    """Revoked before its time: whoever hears it first renews, the others take what he got."""
    tokens = [RowTokens(db, Vault(tmp_path / "secret.key"), add_connector("rotating", "memory"))] * 2
    made = [rotating(f"r{n}", rotating.kind.settings.model_validate(_settings(server.url))) for n in range(2)]
    for one, rows in zip(made, tokens, strict=True):
        one.tokens = rows
        one.poll("things", None)
    with server.lock:
        server.access = "something else"
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda n: made[n % 2].poll("things", None).count, range(16))) == [1] * 16
    assert (server.renewals, server.reused) == (2, 0)
    for one in made:
        one.close()


def test_wrong_is_tried_once_and_again_when_a_person_asks(
    db: Database, server: Rotating, rotating: type[Declared], add_connector: Callable[..., int], tmp_path: Path
) -> None:
    """A refresh token that is refused is never sent again, in any process, until the settings change or a person asks."""
    connector_id = add_connector("rotating", "memory")
    server.is_revoked = True
    for _ in range(3):
        made = rotating("r", rotating.kind.settings.model_validate(_settings(server.url)))
        made.tokens = RowTokens(db, Vault(tmp_path / "secret.key"), connector_id)
        with pytest.raises(CredentialsError, match="refresh token was used"):
            made.poll("things", None)
        made.close()
    assert server.reused == 1
    server.is_revoked = False
    with db.write() as conn:
        try_again(conn, connector_id)
    made = rotating("r", rotating.kind.settings.model_validate(_settings(server.url)))
    made.tokens = RowTokens(db, Vault(tmp_path / "secret.key"), connector_id)
    assert made.poll("things", None).count == 1
    made.close()


def test_other_credentials_begin_anew(
    db: Database, server: Rotating, rotating: type[Declared], add_connector: Callable[..., int], tmp_path: Path
) -> None:
    """Authorising again keeps the connector: its new credentials count at once, whatever was wrong with the old ones."""
    connector_id = add_connector("rotating", "memory")
    server.refresh = "refresh-token-of-today"
    for token, works in (("refresh-token-0", False), ("refresh-token-of-today", True)):
        given = {**_settings(server.url), "refresh": token}
        made = rotating("r", rotating.kind.settings.model_validate(given))
        made.tokens = RowTokens(db, Vault(tmp_path / "secret.key"), connector_id)
        if works:
            server.is_revoked = False
            assert made.poll("things", None).count == 1
        else:
            with pytest.raises(WrongCredentialsError):
                made.poll("things", None)
        made.close()


def _keeper(rows: RowTokens, fetch: Callable[[Token | None], Token]) -> Keeper:
    return Keeper(rows, "seed", fetch, system="far", margin_s=60, timeout_s=1)


@pytest.fixture
def rows(db: Database, add_connector: Callable[..., int], tmp_path: Path) -> RowTokens:
    """Give the place of one connector's token."""
    return RowTokens(db, Vault(tmp_path / "secret.key"), add_connector("rotating", "memory"))


def test_it_is_renewed_before_it_ends(rows: RowTokens, clock: FixedClock) -> None:
    """With the margin left it is used; inside the margin it is renewed, though the far side would still take it."""
    made: list[Token] = []

    def fetch(old: Token | None) -> Token:
        made.append(Token({"access": f"a{len(made)}"}, clock.now() + 300 * SECOND))
        return made[-1]

    keeper = _keeper(rows, fetch)
    assert keeper.current().access == "a0"
    clock.move(239)
    assert keeper.current().access == "a0"
    clock.move(2)
    assert keeper.current().access == "a1"
    assert _keeper(rows, fetch).current().access == "a1", "another process reads it"


def test_an_outage_cools_down_longer_each_time(rows: RowTokens, clock: FixedClock) -> None:
    """After each failure nobody asks for a while, in no process; the wait is told, and grows."""
    asked = 0

    def fetch(_old: Token | None) -> Token:
        nonlocal asked
        asked += 1
        raise TransientError("It is down.", why="503.")

    waits = []
    for _ in range(3):
        with pytest.raises(TransientError):
            _keeper(rows, fetch).current()
        with pytest.raises(TransientError) as told:
            _keeper(rows, fetch).current()
        waits.append(round(told.value.retry_after or 0))
        clock.move(waits[-1] + 1)
    assert (asked, waits) == (3, [5, 30, 60])


def test_an_outage_of_days_is_for_a_person(rows: RowTokens, clock: FixedClock) -> None:
    """What fails for more than four days is exhausted: a credentials error, which opens a repair and holds."""

    def fetch(_old: Token | None) -> Token:
        raise TransientError("It is down.", why="503.")

    keeper = _keeper(rows, fetch)
    for _ in range(6):
        with pytest.raises(TransientError):
            keeper.current()
        clock.move(86_400)
    with pytest.raises(WrongCredentialsError):
        keeper.current()


def test_who_lost_his_lease_overwrites_nothing(rows: RowTokens, clock: FixedClock) -> None:
    """A renewal that took longer than its lease finds another's token, and uses that."""

    def slow(_old: Token | None) -> Token:
        clock.move(60)  # the lease ends while the far side thinks
        assert _keeper(rows, lambda _: Token({"access": "theirs"})).current().access == "theirs"
        return Token({"access": "mine"})

    assert _keeper(rows, slow).current().access == "theirs"
    assert rows.read("seed").token == Token({"access": "theirs"})


def test_what_is_kept_is_sealed(rows: RowTokens, db: Database) -> None:
    """Neither the row nor a repr shows a token."""
    keeper = _keeper(rows, lambda _: Token({"access": "very-secret-access", "refresh": "very-secret-refresh"}))
    token = keeper.current()
    with db.read() as conn:
        shown = str(conn.exec_driver_sql("SELECT * FROM token").all()) + repr(token) + repr(rows.read("seed"))
    assert "very-secret" not in shown


def test_what_a_trial_got_is_not_lost(
    db: Database, server: Rotating, rotating: type[Declared], add_connector: Callable[..., int], tmp_path: Path
) -> None:
    """Registering uses the first refresh token up; the connector goes on with what came of it, and a later trial with that."""
    rows = RowTokens(db, Vault(tmp_path / "secret.key"), add_connector("rotating", "memory"))
    for trial in (TrialTokens(), TrialTokens(rows)):
        tried = rotating("r", rotating.kind.settings.model_validate(_settings(server.url)))
        tried.tokens = trial
        assert tried.check().ok
        tried.close()
        trial.settle(rows)
    made = rotating("r", rotating.kind.settings.model_validate(_settings(server.url)))
    made.tokens = rows
    assert made.poll("things", None).count == 1
    made.close()
    assert (server.renewals, server.reused) == (1, 0)


def test_a_trial_that_fails_takes_nothing_away(
    db: Database, server: Rotating, rotating: type[Declared], add_connector: Callable[..., int], tmp_path: Path
) -> None:
    """Wrong new credentials are refused, and the old ones with their token still work."""
    rows = RowTokens(db, Vault(tmp_path / "secret.key"), add_connector("rotating", "memory"))
    made = rotating("r", rotating.kind.settings.model_validate(_settings(server.url)))
    made.tokens = rows
    made.poll("things", None)
    kept = server.refresh
    tried = rotating("r", rotating.kind.settings.model_validate({**_settings(server.url), "refresh": "no-such-token"}))
    tried.tokens = TrialTokens(rows)
    assert not tried.check().ok
    server.is_revoked = False
    assert (made.poll("things", None).count, server.refresh) == (1, kept)
    made.close()
    tried.close()
