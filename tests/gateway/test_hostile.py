"""Hostile callers: scopes one by one, forged forms, open redirects, hostile bodies, and who may read our files."""

from __future__ import annotations

import base64
import gzip
import html
import json
import os
import re
import stat
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import select

from connectors.kit.answers import Response
from connectors.kit.outcomes import foreign_words
from connectors.kit.redact import Redactor
from core.database import Database
from core.errors import TielineError
from core.expressions import compile_formula
from core.secrets import Vault
from core.settings import Settings
from core.tables import delivery, refusal
from gateway import auth
from gateway.api import SUBJECTS
from gateway.children import keep_private
from gateway.operations import Operation
from gateway.pages.entrance import local
from tests.gateway.ground import Ground

OPERATIONS = [one for subject in SUBJECTS for one in subject.operations]


def test_each_operation_opens_to_its_scope_alone(ground: Ground) -> None:
    """Every operation with every scope: the declared one and admin get past the lock, every other is told what is missing."""
    keys = {scope: ground.make_key(scope) for scope in auth.SCOPES}
    assert len(OPERATIONS) > 40

    def refused(one: Operation, scope: str) -> bool:
        path = re.sub(r"<\w+>", "nothing-here", one.path) + "?no_such_parameter=1"
        response = ground.call(one.method, path, key=keys[scope])
        assert response.status_code in (403, 422, 400, 415, 404), (one.name, scope, response.status_code)
        return response.status_code == 403

    opened = {one.name: {scope for scope in keys if not refused(one, scope)} for one in OPERATIONS}

    assert opened == {one.name: {one.scope, "admin"} for one in OPERATIONS}


def test_every_address_of_the_api_is_an_operation(ground: Ground) -> None:
    """No route under /api/v1 stands beside the table, where no scope would be asked for."""
    routes = {
        (method, rule.rule)
        for rule in ground.app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routes == {(one.method, "/api/v1" + one.path) for one in OPERATIONS}


@pytest.mark.parametrize(
    "address",
    ["/\t/evil.example", "/\r/evil.example", "/\n/evil.example", "/\x0b/e", "/\\evil.example", "/a\\b", "//e", "e", "/\x00/e"],
)
def test_signing_in_never_leads_elsewhere(ground: Ground, address: str) -> None:
    """What a browser would read as another host, after taking out tabs and line ends, leads to the overview."""
    assert local(address) == "/"
    response = ground.client().post("/sign-in", data={"key": ground.key, "wanted": address})
    assert (response.status_code, response.headers["Location"]) == (303, "/")


def test_a_double_slash_path_is_not_sent_round_to_another_host(ground: Ground) -> None:
    """Who comes from another site by //host/ is not led to that host by our own page."""
    response = ground.client().get("//evil.example/x", headers={"Sec-Fetch-Site": "cross-site"})
    assert "//evil.example" not in response.get_data(as_text=True).replace("http://localhost//evil", "")
    assert not response.headers.get("Location", "").startswith("//")


def test_a_form_with_a_strange_token_is_refused_and_breaks_nothing(ground: Ground) -> None:
    """A token that is not ASCII is wrong like any other."""
    client = ground.client()
    client.post("/sign-in", data={"key": ground.key})
    assert client.post("/sign-out", data={"token": "é密"}).status_code == 403
    assert client.post("/sign-out").status_code == 403


def test_the_cookie_is_kept_from_scripts_and_other_sites(ground: Ground) -> None:
    """HttpOnly, SameSite=Strict, and nothing of the key in it; Secure is set where we are reached by https."""
    cookie = ground.client().post("/sign-in", data={"key": ground.key}).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert ground.key[12:] not in cookie


def test_the_host_header_is_echoed_nowhere(ground: Ground) -> None:
    """Addresses that we hand out come from our settings, redirects are relative."""
    ground.register("plant", inbound={"scheme": "path"})
    response = ground.call("GET", "/connectors", headers={"Host": "evil.example"})
    assert b"evil.example" not in response.data
    page = ground.client().get("/", headers={"Host": "evil.example"})
    assert "evil.example" not in page.headers["Location"] + page.get_data(as_text=True)


@pytest.mark.parametrize(
    "path", ["/../secret.key", "/style.css/../../app.py", "/static/style.css", "/..%2fsecret.key", "/problems/../x"]
)
def test_no_file_can_be_walked_to(ground: Ground, path: str) -> None:
    """There is one static file, and it is served from memory."""
    assert ground.client().get(path).status_code in (302, 308, 404)


def test_a_packed_body_is_not_unpacked(ground: Ground) -> None:
    """A megabyte of zeros in a kilobyte is refused, at a door and in the API."""
    ground.register("plant", inbound={"scheme": "path"})
    bomb = gzip.compress(b"0" * (1 << 20))
    assert ground.deliver("/in/plant/x", bomb, headers={"Content-Encoding": "gzip"}).status_code == 415
    headers = {"Authorization": f"Bearer {ground.key}", "Content-Encoding": "gzip"}
    response = ground.client().post("/api/v1/keys", data=bomb, headers=headers, content_type="application/json")
    assert response.status_code == 400


@pytest.mark.parametrize("body", [b"[" * 500_000, b'{"a":' * 100_000, b"9" * 900_000, b'{"name":"' + b"\\u0000" * 9 + b'"}'])
def test_a_hostile_body_is_refused_and_breaks_nothing(ground: Ground, body: bytes) -> None:
    """Depth, size of numbers and control characters end in a problem document, never in a crash."""
    headers = {"Authorization": f"Bearer {ground.key}"}
    response = ground.client().post("/api/v1/keys", data=body, headers=headers, content_type="application/json")
    assert response.status_code in (400, 422)


def test_the_header_that_proves_the_sender_is_never_kept(ground: Ground) -> None:
    """Also when it has the name of one that is kept otherwise."""
    door = {"scheme": "header", "header": "User-Agent"}
    ground.ok(
        "POST",
        "/connectors",
        {"name": "odd", "kind": "webhook", "settings": {}, "inbound": door, "door_secret": "canary-in-agent", "draft": True},
    )
    assert ground.deliver("/in/odd", headers={"User-Agent": "canary-in-agent"}).status_code == 202
    with ground.db.read() as conn:
        assert "canary" not in str(conn.execute(select(delivery.c.headers)).all())


def test_a_secret_in_the_wrong_place_is_not_kept_with_the_refusal(ground: Ground) -> None:
    """As the connector's name, or in the body: what is recorded of a refusal shows it masked."""
    made = ground.register("plant", inbound={"scheme": "path"})
    secret = made["door"]["secret"]
    ground.deliver(f"/in/{secret}")
    ground.deliver("/in/plant/wrong", b'{"token": "' + secret.encode() + b'"}')
    with ground.db.read() as conn:
        kept = str(conn.execute(select(refusal)).all())
    assert secret not in kept
    assert "***" in kept


def test_only_the_owner_can_read_what_we_keep(tmp_path: Path) -> None:
    """The home folder is 0700, also one that was there before; key and database with its companions are 0600."""
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    home.chmod(0o755)
    old = os.umask(0o022)
    try:
        Vault(home / "secret.key")
        database = Database(f"sqlite:///{home / 'tieline.db'}")
        with database.write() as conn:
            conn.exec_driver_sql("CREATE TABLE x (y)")
        found = {one.name: stat.S_IMODE(one.stat().st_mode) for one in home.iterdir()}
        keep_private(Settings.from_env({"TIELINE_HOME": str(home)}))
        (home / "beat").touch()
        found["beat"] = stat.S_IMODE((home / "beat").stat().st_mode)
        database.close()
    finally:
        os.umask(old)
    assert {name: oct(mode) for name, mode in found.items() if mode != 0o600} == {}
    assert "tieline.db-wal" in found
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "expression",
    [
        "[a.text].map(x, x + x + x + x).map(y, y + y + y + y)[0]",
        "[a.text].map(x, [x + x + x].map(y, y + y + y)[0])[0]",
        '[a.text].map(x, "%s%s".format([x, x])).map(y, y + y)[0]',
    ],
)
def test_no_formula_makes_a_flood_of_a_drop(expression: str) -> None:
    """Loops that lengthen what another loop lengthened are refused when they are saved: ten of them made 1 GB of 1 KB."""
    with pytest.raises(TielineError, match="adds to what another loop added"):
        compile_formula(expression, {"a.text": "string"})
    assert compile_formula('a.list.filter(x, x != "").map(x, string(x) + "!")', {"a.list": "list"})


@pytest.mark.parametrize("secret", ['pa"ss\\word<7>', "a  b  c", "geheim/é密+x", "plain-secret-77"])
def test_a_secret_is_masked_however_it_is_written(secret: str) -> None:
    """In JSON, in HTML, in a URL with either case, in base64 with or without its padding, in a repr; whole or cut."""
    redact = Redactor([secret])
    packed = base64.b64encode(secret.encode()).decode()
    forms = [
        json.dumps(secret),
        html.escape(secret),
        re.sub("%..", lambda one: one[0].lower(), quote(secret, safe="")),
        packed,
        packed.rstrip("="),
        repr(secret),
    ]
    for form in forms:
        assert form.strip("\"'").rstrip("=") not in redact(f"<{form}>"), form
    page = Response(500, {"content-type": "text/html"}, f"<h1>Bad</h1> {secret} <p>{html.escape(secret)}</p>".encode(), "GET /")
    assert not [part for part in re.split(r"[^\w]+", foreign_words(page, redact)) if len(part) > 2 and part in secret]
