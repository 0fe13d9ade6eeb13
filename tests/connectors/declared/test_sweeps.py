"""Paging and cursors: complete at equal times, under change, over breaks; circles stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tuned
from hypothesis import strategies as st

from connectors.kit.declared.connector import Declared
from core.errors import TielineError
from lab.standins.server import Answer, Request, Server
from tests.connectors.declared.small import bent, made


class Things(Server):
    """Things sorted by their time, in pages; what `meanwhile` does happens between two pages."""

    def __init__(self) -> None:
        super().__init__()
        self.things: dict[int, int] = {}
        self.meanwhile: Callable[[], None] = lambda: None
        self.asked: list[dict[str, str]] = []

    def answer(self, request: Request) -> Answer:
        query = {name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()}
        self.asked.append(query)
        since, offset, limit = int(query.get("since", 0)), int(query.get("offset", 0)), int(query.get("limit", 5))
        rows = sorted((at, one) for one, at in self.things.items() if at >= since)
        page = rows[offset : offset + limit]
        self.meanwhile()
        return Answer.of({"things": [{"id": one, "at": at} for at, one in page]})


@pytest.fixture(scope="module")
def server() -> Iterator[Things]:
    """Give a far side with things."""
    with Things() as running:
        yield running


@pytest.fixture(scope="module")
def kind() -> type[Declared]:
    """Give the class that reads it."""
    return bent()


def sweep(one: Declared, cursor: Any, limit: int = 3) -> tuple[list[tuple[int, int]], Any]:
    """Read until no page waits; the cursor goes through JSON, as it does through its row."""
    found: list[tuple[int, int]] = []
    for _ in range(400):
        page = one.poll("things", orjson.loads(orjson.dumps(cursor)), limit)
        found += [(row["id"], row["at"]) for row in orjson.loads(page.body)["records"]]
        cursor = page.cursor
        if not page.more:
            return found, cursor
    raise AssertionError("it never ends")


@tuned(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.dictionaries(st.integers(1, 40), st.integers(1, 6), max_size=25),
    st.lists(st.tuples(st.integers(1, 40), st.integers(1, 9)), max_size=12),
)
def test_nothing_is_lost_at_equal_times_or_under_change(
    server: Things, kind: type[Declared], things: dict[int, int], changes: list[tuple[int, int]]
) -> None:
    """Whatever changes between two pages, after the next sweep every thing was seen at its last time."""
    left = list(changes)

    def change() -> None:
        if left:
            one, more = left.pop()
            server.things[one] = max(server.things.values(), default=0) + more  # a change is always younger

    server.things, server.meanwhile = dict(things), change
    one = made(kind, server.url)
    found, cursor = sweep(one, None)
    server.meanwhile = lambda: None
    again, _ = sweep(one, cursor)
    one.close()
    assert set(server.things.items()) <= {*found, *again}


def test_a_sweep_that_broke_off_goes_on(server: Things, kind: type[Declared]) -> None:
    """The cursor of each page is enough to go on; nothing before it is read again."""
    server.things, server.meanwhile = {n: n for n in range(1, 20)}, lambda: None
    first = made(kind, server.url).poll("things", None, 5)
    server.asked.clear()
    rest, _ = sweep(made(kind, server.url), first.cursor, 5)
    assert sorted({one for one, _ in rest}) == [*range(5, 20)]
    assert server.asked[0]["since"] == "5"


def test_the_mark_moves_only_at_the_end(server: Things, kind: type[Declared]) -> None:
    """Until a sweep is over, the mark of the last one stands."""
    server.things, server.meanwhile = {n: n for n in range(1, 12)}, lambda: None
    one = made(kind, server.url)
    page = one.poll("things", {"mark": 2000}, 5)
    assert (page.more, page.cursor["mark"]) == (True, 2000)
    _, cursor = sweep(one, page.cursor)
    assert cursor == {"mark": 11_000}


def test_more_of_one_time_than_a_page_holds_is_paged(server: Things, kind: type[Declared]) -> None:
    """Twelve things of one moment, four in a page: all of them, and then the end."""
    server.things, server.meanwhile = dict.fromkeys(range(12), 7), lambda: None
    found, cursor = sweep(made(kind, server.url), None, 4)
    assert {one for one, _ in found} == set(range(12))
    assert cursor == {"mark": 7000}


class Circle(Server):
    """A cursor that leads to itself, or for ever on."""

    def answer(self, request: Request) -> Answer:
        return Answer.of({"things": [{"id": 1, "at": 1}], "next": "again"})


def test_a_circle_of_pages_stops() -> None:
    """A next page that is this page is an error that says so, and not a worker lost."""
    kind = bent(("paging: {by: offset, size: 5}", "paging: {by: cursor, next: next}"))
    with Circle() as server, pytest.raises(TielineError, match="go in a circle"):
        sweep(made(kind, server.url), None)


@pytest.mark.parametrize(
    ("paging", "pages"),
    [
        ("{by: cursor, next: meta.next}", [{"things": [{"id": 1, "at": 1}], "meta": {"next": "c2"}}, {"things": []}]),
        ("{by: cursor, next: 'header:x-next'}", [("c2", {"things": [{"id": 1, "at": 1}]}), {"things": []}]),
        ("{by: link, next: next}", [{"things": [{"id": 1, "at": 1}], "next": "/api/more?p=2"}, {"things": []}]),
        (
            "{by: link, next: 'header:link'}",
            [('<{url}/api/more?p=2>; rel="next"', {"things": [{"id": 1, "at": 1}]}), {"things": []}],
        ),
        ("{by: page, size: 1}", [{"things": [{"id": 1, "at": 1}]}, {"things": []}]),
        ("{by: last, size: 1}", [{"things": [{"id": 1, "at": 1}]}, {"things": []}]),
    ],
)
def test_every_way_of_paging_ends(paging: str, pages: list[Any]) -> None:
    """Two pages by each of the ways, and an end."""

    class Pages(Server):
        def answer(self, request: Request) -> Answer:
            one = pages[min(len(asked), 1)]
            asked.append(request.path)
            head, body = one if isinstance(one, tuple) else ("", one)
            answer = Answer.of(body)
            answer.headers.update({"X-Next": head, "Link": head.replace("{url}", self.url)} if head else {})
            return answer

    asked: list[str] = []
    slots = "query: {cursor: '{next}', page: '{page}', after: '{last}', limit: '{limit}'}"
    kind = bent(
        ("paging: {by: offset, size: 5}", f"paging: {paging}"),
        ('query: {since: "{since:ms}", offset: "{offset}", limit: "{limit}"}', slots),
        ("    since: {at: at, form: ms, overlap_s: 0}\n", ""),
    )
    with Pages() as server:
        found, cursor = sweep(made(kind, server.url), None, 1)
    assert (found, cursor, len(asked)) == ([(1, 1)], None, 2)
    assert any(mark in asked[1] for mark in ("cursor=c2", "p=2", "page=2", "after=1")), asked
