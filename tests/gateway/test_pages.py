"""The console: pages in two languages, without scripts, behind a key, and every form is ours."""

from __future__ import annotations

import re
from copy import deepcopy
from html.parser import HTMLParser
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from gateway.pages.texts import TEXTS
from tests.gateway.ground import Ground
from tests.gateway.test_definitions_api import PACK

PAGES = Path(__file__).parents[2] / "gateway" / "pages"
MENU = ("overview", "events", "actions", "connectors", "fields", "snapshots")


def signed_in(ground: Ground, key: str | None = None) -> FlaskClient:
    client = ground.client()
    assert client.post("/sign-in", data={"key": key or ground.key}).status_code == 303
    return client


def drawn(ground: Ground) -> FlaskClient:
    """Let the story happen, then apply the definitions like a person does (with titles, and with lineage), and sign in."""
    ground.story()
    pack = deepcopy(PACK)
    for one in pack["definitions"]:
        if one["kind"] == "entity" and one["name"] == "alert":
            one["title"] = {"en": "Alert", "zh": "告警"}
        for text in ("expression", "when"):
            if text in one:
                one[text] = f"({one[text]})"
    ground.ok("POST", "/definitions/apply", pack)
    return signed_in(ground)


def addresses(ground: Ground) -> list[str]:
    """Return one address of every page, of things that are there."""
    event = ground.ok("GET", "/events?type=alert.created")["items"][0]
    snapshot = ground.ok("POST", "/snapshots", {"recipe": "alert-context", "subject": event["master_id"]})
    return [
        "/",
        "/events",
        "/deliveries",
        "/actions",
        "/connectors",
        "/snapshots",
        "/connectors/monitoring",
        f"/events/{event['id']}",
        f"/events/{event['receipt']}",
        f"/entities/{event['master_id']}",
        f"/lineage/{event['master_id']}/priority",
        f"/snapshots/{snapshot['id']}",
        "/fields",
        "/fields/alert.priority",
        "/problems/credentials",
    ]


class Outline(HTMLParser):
    """Collects what a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.language = ""
        self.links: list[str] = []
        self.headings: list[str] = []
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append(tag)
        if tag == "html":
            self.language = found.get("lang") or ""
        if tag == "a":
            self.links.append(found.get("href") or "")
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(tag)
        if found.get("id"):
            self.ids.append(found["id"] or "")


def test_every_page_is_there_in_both_languages(ground: Ground) -> None:
    """Each page answers in English and Chinese, has one first heading, unique ids, a way past the menu, and no script."""
    ground.story()
    client = signed_in(ground)
    for address in addresses(ground):
        shown = {}
        for language, tag in (("en", "en"), ("zh", "zh-CN")):
            response = client.get(address, headers={"Accept-Language": language})
            assert response.status_code == 200, address
            outline = Outline(response.get_data(as_text=True))
            shown[language] = response.get_data(as_text=True)
            assert outline.language == tag
            assert outline.headings.count("h1") == 1, address
            assert "script" not in outline.tags
            assert len(outline.ids) == len(set(outline.ids)), address
            assert outline.links[0] == "#content"
            assert "content" in outline.ids
            assert "unsafe" not in response.headers["Content-Security-Policy"]
        assert shown["en"] != shown["zh"], address


def test_every_link_of_every_page_leads_somewhere(ground: Ground) -> None:
    """Following all links of all pages ends in no error, also for a trail with a dead and a held action."""
    from core.errors import RefusedError

    ground.world("tickets").script("act", fail=RefusedError("No.", why="Closed.", fix="Open it."))
    ground.story()
    client = signed_in(ground)
    todo, seen = [*addresses(ground)], set[str]()
    while todo:
        address = todo.pop()
        if address in seen or len(seen) > 300:
            continue
        seen.add(address)
        response = client.get(address)
        assert response.status_code in (200, 303), address
        links = (
            Outline(response.get_data(as_text=True)).links if response.status_code == 200 else [response.headers["Location"]]
        )
        todo += [link.partition("#")[0] for link in links if link.startswith("/") and "lang=" not in link]
    assert len(seen) > 25


def test_a_trail_shows_the_first_false_clause_with_both_values(ground: Ground) -> None:
    """Why did nothing happen: the clause, the value here and the value wanted stand on the page."""
    ground.story()
    world = ground.world("monitoring")
    made = ground.ok("PATCH", "/connectors/monitoring", {"rotate": True})
    world.raise_alert("7002", name="Dusty", severity=1, machine="press-07")
    path = made["door"]["url"].removeprefix("http://tieline.test")
    receipt = ground.deliver(path, world.push("alerts", "7002")).get_json()["receipt"]
    ground.work()

    page = signed_in(ground).get(f"/events/{receipt}").get_data(as_text=True)

    assert "alert.severity &gt;= 3" in page
    assert re.search(r"<td[^>]*>1</td><td[^>]*>3</td>", page)


def test_the_switch_changes_the_language_and_is_remembered(ground: Ground) -> None:
    """?lang= wins over the browser's wish, on this page and the next."""
    client = signed_in(ground)
    assert Outline(client.get("/?lang=zh").get_data(as_text=True)).language == "zh-CN"

    assert Outline(client.get("/connectors").get_data(as_text=True)).language == "zh-CN"


def test_without_a_session_every_page_asks_to_sign_in_and_comes_back(ground: Ground) -> None:
    """Only the sign-in, the style and the pages of error codes are open; nothing leads to a foreign site."""
    client = ground.client()
    response = client.get("/events?state=held")
    assert response.status_code == 302
    assert response.headers["Location"] == "/sign-in?wanted=/events?state%3Dheld"
    assert client.get("/problems/credentials").status_code == 200

    back = client.post("/sign-in", data={"key": ground.key, "wanted": "/events?state=held"})
    assert back.headers["Location"] == "/events?state=held"
    for foreign in ("https://evil.example", "//evil.example", "/\\evil.example"):
        assert client.post("/sign-in", data={"key": ground.key, "wanted": foreign}).headers["Location"] == "/"


def test_the_cookie_holds_no_secret_and_cannot_be_taken_along(ground: Ground) -> None:
    """HttpOnly, SameSite=Strict, signed; the key is not in it."""
    response = ground.client().post("/sign-in", data={"key": ground.key})

    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert ground.key[12:] not in cookie
    forged = ground.client()
    forged.set_cookie("tieline", cookie.split("=", 1)[1].split(";")[0][:-2] + "AA")
    assert forged.get("/").status_code == 302


def test_a_link_from_another_system_finds_the_reader_signed_in(ground: Ground) -> None:
    """A strict cookie is not sent along; the page sends the browser round once instead of asking for the key."""
    response = ground.client().get("/snapshots/snap_1", headers={"Sec-Fetch-Site": "cross-site"})

    assert response.status_code == 200
    assert 'content="0;url=/snapshots/snap_1"' in response.get_data(as_text=True)


def test_a_session_ends_with_its_key(ground: Ground) -> None:
    """Revoking the key signs its holders out."""
    made = ground.ok("POST", "/keys", {"name": "guest", "scopes": ["read"]})
    client = signed_in(ground, made["key"])
    assert client.get("/").status_code == 200

    ground.ok("DELETE", f"/keys/{made['prefix']}")

    assert client.get("/").status_code == 302


def test_a_wrong_key_is_refused_on_the_page(ground: Ground) -> None:
    """401 and the reason; the key is not written back."""
    response = ground.client().post("/sign-in", data={"key": "tl_abcdefgh_" + "x" * 43})

    assert response.status_code == 401
    assert "x" * 43 not in response.get_data(as_text=True)


def token_of(client: FlaskClient, address: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', client.get(address).get_data(as_text=True))
    assert found
    return found[1]


def test_forms_do_what_the_api_does(ground: Ground) -> None:
    """Check, hold, release, retry and replay work from the pages."""
    ground.story()
    client = signed_in(ground)
    token = token_of(client, "/connectors/monitoring")

    assert client.post("/connectors/monitoring/hold", data={"token": token}).status_code == 303
    assert ground.ok("GET", "/connectors/monitoring")["held_by"] == "person:first"
    assert client.post("/connectors/monitoring/release", data={"token": token}).status_code == 303
    assert client.post("/connectors/monitoring/check", data={"token": token}).status_code == 303
    assert ground.ok("GET", "/connectors/monitoring")["state"] == "ok"
    event = ground.ok("GET", "/events?type=alert.created")["items"][0]["id"]
    assert client.post(f"/events/{event}/replay", data={"token": token}).status_code == 303


def test_a_form_from_elsewhere_is_refused(ground: Ground) -> None:
    """Without this session's token nothing happens, and a page says why."""
    ground.register("plant")
    client = signed_in(ground)
    other = token_of(signed_in(ground), "/connectors/plant")

    for token in ({}, {"token": ""}, {"token": other}):
        response = client.post("/connectors/plant/hold", data=token)
        assert response.status_code == 403
        assert "forged-request" in response.get_data(as_text=True)
    assert ground.ok("GET", "/connectors/plant")["state"] == "ok"


def test_a_reader_sees_no_buttons_and_cannot_press_them(ground: Ground) -> None:
    """The scope decides, on the page as in the API."""
    ground.register("plant")
    client = signed_in(ground, ground.make_key("read"))
    page = client.get("/connectors/plant").get_data(as_text=True)
    assert "/connectors/plant/hold" not in page

    response = client.post("/connectors/plant/hold", data={"token": token_of(client, "/connectors/plant")})

    assert response.status_code == 403
    assert "connectors:write" in response.get_data(as_text=True)


def test_foreign_text_is_shown_as_text(ground: Ground) -> None:
    """What a far side sends is never markup."""
    ground.story()
    world = ground.world("monitoring")
    made = ground.ok("PATCH", "/connectors/monitoring", {"rotate": True})
    evil = "<script>alert(1)</script>"
    world.raise_alert("7002", name=evil, severity=4, machine='"><img src=x onerror=alert(1)>')
    path = made["door"]["url"].removeprefix("http://tieline.test")
    receipt = ground.deliver(path, world.push("alerts", "7002")).get_json()["receipt"]
    ground.work()
    ground.deliver("/in/<script>alert(2)<script>", evil.encode())
    client = signed_in(ground)
    master_id = ground.ok("GET", f"/events/{receipt}")["events"][0]["master_id"]

    for address in (f"/events/{receipt}", f"/entities/{master_id}", f"/lineage/{master_id}/title", "/"):
        tags = Outline(client.get(address).get_data(as_text=True)).tags
        assert not {"script", "img"} & set(tags), address


def test_a_field_shows_source_formula_live_operands_and_effects(ground: Ground) -> None:
    """One click on a field: what writes it, the formula with the operands of the newest value, what reads it, as tables."""
    client = drawn(ground)
    master_id = ground.ok("GET", "/events?type=alert.created")["items"][0]["master_id"]

    made = client.get("/fields/alert.priority?lang=zh").get_data(as_text=True)
    read = client.get("/fields/alert.severity?lang=zh").get_data(as_text=True)

    assert "/fields/alert.severity" in made
    assert "公式 " in made
    assert f"/lineage/{master_id}/priority" in made
    assert "已重新计算：一致" in made
    down = read.partition('id="down"')[2]
    assert "/fields/alert.priority" in down
    assert "桥接规则" in down
    assert client.get("/fields/alert.prioritty").status_code == 404
    assert "alert.priority" in client.get("/fields/alert.prioritty").get_data(as_text=True)


def test_the_far_end_of_a_field_is_counted_when_it_is_not_shown(ground: Ground) -> None:
    """One step away only: what lies behind is counted, never silently cut."""
    page = drawn(ground).get("/fields/alert.severity?depth=1").get_data(as_text=True)

    assert re.search(r"\+\d+ not shown", page)


def test_a_chinese_page_says_title_family_and_advice_of_an_error(ground: Ground) -> None:
    """The three sentences stay as they are; who moves next and what it means are Chinese, for codes of any process."""
    client = signed_in(ground)

    page = client.get("/entities/ALRT-1999-000001?lang=zh").get_data(as_text=True)
    assert '<a href="/problems/not-found">未找到</a>' in page
    assert TEXTS["family_input"][1] in page
    assert re.search(r'<p lang="en"><strong>[^<]*ALRT-1999-000001', page)
    for code in ("urgent-late", "no-store", "session-ended"):
        shown = client.get(f"/problems/{code}?lang=zh").get_data(as_text=True)
        assert re.search(r"<section><h2>含义与处理办法</h2><p>[^<]*[\u4e00-\u9fff]{8}", shown), code


def test_reasons_and_event_types_are_said_in_the_readers_language(ground: Ground) -> None:
    """unchanged, echo, stale: our own reasons are translated; the technical type stays beside the Chinese one."""
    client = drawn(ground)
    world = ground.world("monitoring")
    made = ground.ok("PATCH", "/connectors/monitoring", {"rotate": True})
    path = made["door"]["url"].removeprefix("http://tieline.test")
    alert = ground.ok("GET", "/events?type=alert.created")["items"][0]["external_id"]
    ground.deliver(path, b" " + world.push("alerts", alert))
    ground.work()
    assert ground.ok("GET", "/events?state=skipped")["items"]

    page = client.get("/events?lang=zh").get_data(as_text=True)

    assert "告警 新建" in page
    assert "alert.created" in page
    assert not re.search(r"<td[^>]*>\s*(unchanged|echo of|stale)", page)


def test_times_are_shown_in_the_zone_of_the_settings_and_say_which(ground: Ground) -> None:
    """Fields that hold a time too; the exact UTC time stands in the markup only."""
    ground.story()
    client = signed_in(ground)
    event = ground.ok("GET", "/events?type=alert.created")["items"][0]

    for address in (f"/entities/{event['master_id']}", f"/events/{event['id']}"):
        page = client.get(address).get_data(as_text=True)
        assert "Asia/Shanghai (UTC+08:00)" in page
        text = re.sub(r"<pre.*?</pre>|<[^>]+>", " ", page, flags=re.S)
        assert not re.search(r"\d{4}-\d\d-\d\dT\d\d:\d\d", text), address


def test_what_a_person_holds_says_so(ground: Ground) -> None:
    """The reason column says that it is held and by whom, not a bare name."""
    ground.story()
    ground.ok("POST", "/connectors/tickets/hold")
    ground.world("monitoring").raise_alert("7003", name="Oil hot again", severity=5, machine="press-09")
    made = ground.ok("PATCH", "/connectors/monitoring", {"rotate": True})
    ground.deliver(made["door"]["url"].removeprefix("http://tieline.test"), ground.world("monitoring").push("alerts", "7003"))
    ground.work()

    assert "由 first 暂停" in signed_in(ground).get("/actions?lang=zh").get_data(as_text=True)


def test_every_cell_of_a_wide_table_says_its_column(ground: Ground) -> None:
    """On a phone a row becomes a card, so each cell carries the heading of its own column."""
    ground.story()
    client = signed_in(ground)
    for address in addresses(ground):
        page = client.get(f"{address}?lang=zh").get_data(as_text=True)
        for table in re.findall(r'<table class="wide">.*?</table>', page, re.S):
            headings = re.findall(r"<th>(.*?)</th>", table)
            for row in re.findall(r"<tr>(?:(?!</tr>).)*<td.*?</tr>", table.partition("</thead>")[2], re.S):
                assert re.findall(r'<td[^>]* data-label="(.*?)"', row) == headings, address


def test_a_page_that_is_not_there_says_so_on_a_page(ground: Ground) -> None:
    """404 as a page with the three sentences, in the reader's language."""
    client = signed_in(ground)
    response = client.get("/entities/ALRT-1999-000001", headers={"Accept-Language": "zh"})

    assert response.status_code == 404
    assert "<h1>未找到</h1>" in response.get_data(as_text=True)


@pytest.mark.parametrize("key", sorted(TEXTS))
def test_every_text_is_there_in_both_languages_and_is_used(key: str) -> None:
    """English is English, Chinese is Chinese, and no text is left over."""
    english, chinese = TEXTS[key]
    assert english
    assert chinese
    if key != "other_language":
        assert not re.search(r"[\u4e00-\u9fff]", english)
        assert re.search(r"[\u4e00-\u9fff]", chinese)
    used = "".join(path.read_text() for path in [*PAGES.rglob("*.html"), *PAGES.glob("*.py")] if path.name != "texts.py")
    prefixed = key.startswith(("word_", "family_", "node_", "edge_", "sort_", "type_")) or key in MENU
    assert prefixed or f"'{key}'" in used or f'"{key}"' in used, "no page uses it"
