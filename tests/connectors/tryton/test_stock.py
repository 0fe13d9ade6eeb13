"""Stock: never 0.0 by a missing context, never an order point of zero where there is none."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from connectors.tryton.stock import ModelMissingError, records
from connectors.tryton.wire import after_today, plain
from core.clock import from_rfc3339
from core.errors import CredentialsError, InputError, MalformedError, PermissionDeniedError, SetupError, TransientError
from core.words import Delivery
from tests.connectors.tryton.store import connector, store
from tests.connectors.tryton.store import records as parsed

RECORDED = json.loads((Path(__file__).parent / "recorded_8_2_1.json").read_text())


def test_a_recorded_page_becomes_records() -> None:
    """What a Tryton 8.2.1 answered becomes stock with order points; oil has none, which is null and not zero."""
    found = {one.external_id: one.data for one in records(RECORDED["page"])}

    assert found["SEAL-80"] == {
        "code": "SEAL-80",
        "name": "Shaft seal 80 mm",
        "quantity": 3.0,
        "unit": "u",
        "order_point": 5.0,
        "target": 20.0,
    }
    assert (found["OIL-HLP46"]["order_point"], found["OIL-HLP46"]["target"]) == (None, None)


def test_the_stand_in_answers_as_the_recording_does() -> None:
    """For every recorded read the stand-in's answer has the same shape, down to the nested fields."""
    with store() as (_, made):
        for one in RECORDED["reads"]:
            answer = made.call(one["method"], one["params"], **one["context"])
            assert shape(answer) == shape(one["result"]), one["method"]


def shape(value: Any) -> Any:
    """Return a value with every leaf replaced by its type; of a list, the first element's shape."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def test_every_quantity_is_asked_with_its_place_and_day() -> None:
    """Tryton answers 0.0 and no error without `locations`: no request for a quantity leaves without them."""
    with store() as (standin, made):
        made.poll("stock", None)
        made.lookup("stock", {"code": "SEAL-80"}, timeout_s=5)

    asked = [params for method, params in standin.calls if "search_read" in method and "quantity" in params[4]]
    assert len(asked) == 3
    for params in asked:
        context = params[-1]
        assert context["locations"] == [5]
        assert context["stock_date_end"] == {"__class__": "date", "year": 2026, "month": 1, "day": 2}
        assert context["company"] == 1


def test_no_day_on_earth_is_cut_off() -> None:
    """The day that is sent has not ended anywhere, so that Tryton's own today decides what counts."""
    early_in_suzhou = from_rfc3339("2026-11-23T06:00:00+08:00")

    assert after_today(early_in_suzhou).isoformat() == "2026-11-23"


def test_the_lookup_tells_places_order_point_and_bill() -> None:
    """One answer holds what a technician asks: how many, where, when it is ordered, and what else the job needs."""
    with store() as (_, made):
        found = made.lookup("stock", {"code": "SEAL-80"}, timeout_s=5)

    assert (found.values["quantity"], found.values["order_point"], found.values["unit"]) == (3.0, 5.0, "u")
    assert found.values["locations"] == [{"location": "STO", "name": "Storage Zone", "quantity": 3.0}]
    assert [(one["bom"], one["code"], one["quantity"], one["unit"]) for one in found.values["bom"]] == [
        ("BOM-0007", "SEAL-80", 2.0, "u"),
        ("BOM-0007", "BRG-6208", 4.0, "u"),
        ("BOM-0007", "OIL-HLP46", 12.5, "l"),
    ]


def test_an_unknown_code_is_absent_not_zero() -> None:
    """A product that Tryton does not have is absent; nobody is told that there are none in stock."""
    with store() as (_, made):
        found = made.lookup("stock", {"code": "NOPE"}, timeout_s=5)

    assert found.absent
    assert found.values == {}


def test_a_bill_that_is_not_readable_costs_only_itself() -> None:
    """Without the production module, or without the right to read it, the stock is still answered."""
    with store() as (standin, made):
        standin.hidden.add("production.bom")
        hidden = made.lookup("stock", {"code": "SEAL-80"}, timeout_s=5)
        del standin.tables["production.bom"]
        missing = made.lookup("stock", {"code": "SEAL-80"}, timeout_s=5)

    assert (hidden.values["bom"], hidden.values["quantity"]) == (None, 3.0)
    assert (missing.values["bom"], missing.values["quantity"]) == (None, 3.0)


def test_two_products_of_one_code_are_named() -> None:
    """A code that two products carry is not answered with either of them."""
    with store() as (standin, made):
        standin.add_product("SEAL-80", "Another seal", 7.0)

        with pytest.raises(SetupError, match="Two products"):
            made.lookup("stock", {"code": "SEAL-80"}, timeout_s=5)


@pytest.mark.parametrize("code", [None, "", "  ", 7])
def test_a_code_must_be_there(code: Any) -> None:
    """An empty code is the caller's mistake, and is not sent."""
    with store() as (standin, made):
        with pytest.raises(InputError):
            made.lookup("stock", {"code": code}, timeout_s=5)
        assert not standin.calls


def test_pages_are_followed_and_hold_every_product_once() -> None:
    """However small the pages, each product is read once; then the next round begins anew."""
    with store() as (_, made):
        cursor, codes = None, []
        while True:
            page = made.poll("stock", cursor, 1)
            codes += [one.external_id for one in parsed(made, page)]
            cursor = page.cursor
            if not page.more:
                break

    assert codes == ["SEAL-80", "BRG-6208", "OIL-HLP46", "KIT-0007"]
    assert cursor is None


def test_order_points_of_several_warehouses_add_up() -> None:
    """A product ordered for two warehouses has the sum of both minimums, as its quantity is the sum of both stocks."""
    page = {"products": [{**RECORDED["page"]["products"][0]}], "order_points": [{**one, "product": 1} for one in POINTS]}

    assert records(page)[0].data["order_point"] == 7.5


POINTS = ({"min_quantity": 5.0, "target_quantity": 20.0}, {"min_quantity": 2.5, "target_quantity": 10.0})


def test_an_ended_session_is_renewed_once() -> None:
    """When the session is gone we sign in again and the call is answered; nobody hears of it."""
    with store() as (standin, made):
        made.poll("stock", None)
        standin.end_sessions()
        made.poll("stock", None)

        assert standin.logins == 2


def test_many_threads_sign_in_once() -> None:
    """However many threads find the session gone, one of them signs in."""
    with store() as (standin, made):
        made.poll("stock", None)
        standin.end_sessions()
        threads = [threading.Thread(target=made.poll, args=("stock", None)) for _ in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()

        assert standin.logins == 2


def test_refused_credentials_end_the_trying() -> None:
    """A wrong password is tried as often as there is a call, never in a loop."""
    with store() as (standin, _):
        made = connector(standin.url, password="wrong-pw")
        with pytest.raises(CredentialsError):
            made.poll("stock", None)

        assert standin.logins == 1


def test_what_tryton_says_becomes_the_right_family() -> None:
    """A missing model is a setting to change, a hidden one a permission to give; both come with status 200."""
    with store() as (standin, made):
        standin.hidden.add("product.product")
        with pytest.raises(PermissionDeniedError, match="not allowed"):
            made.poll("stock", None)
        with pytest.raises(ModelMissingError, match="nope"):
            made.call("model.nope.search", [[], 0, None, None])


def test_a_warehouse_that_is_not_there_is_named() -> None:
    """A misspelt warehouse is a fault of the settings, not a stock of zero."""
    with store(warehouses=["WX"]) as (_, made):
        with pytest.raises(SetupError, match="WX"):
            made.poll("stock", None)
        report = made.check()

    assert [step.name for step in report.steps if not step.ok] == ["setting:warehouses", "sample:stock"]


def test_a_database_that_is_not_there_is_named() -> None:
    """Tryton answers 404 for an unknown database; the check says which setting that is."""
    with store(database="nope") as (_, made):
        report = made.check()

    assert "no database 'nope'" in report.steps[-1].detail
    assert not report.ok


def test_a_lookup_ends_within_its_time() -> None:
    """All calls of one lookup share its time; when it is used up the rest is not sent."""
    with store() as (_, made), pytest.raises(TransientError):
        made.lookup("stock", {"code": "SEAL-80"}, timeout_s=0)


def test_typed_values_lose_nothing() -> None:
    """Decimals keep every digit as text; dates and times become ISO text, times in UTC."""
    moment = {"__class__": "datetime", "year": 2026, "month": 11, "day": 22, "hour": 7, "minute": 32, "second": 54}
    found = plain([{"__class__": "Decimal", "decimal": "19.600"}, {**moment, "microsecond": 592960}])

    assert found == ["19.600", "2026-11-22T07:32:54.592960Z"]


def test_a_page_that_is_none_is_malformed() -> None:
    """A body that is no page of ours is refused, because Tryton does not push."""
    with store() as (_, made), pytest.raises(MalformedError):
        made.parse(Delivery("rcp_1", "erp", b'{"hello": "world"}', {}, 0), made.settings)
