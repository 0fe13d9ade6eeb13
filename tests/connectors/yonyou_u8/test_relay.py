"""A token that is renewed once, a client that is offline, and orders that are compared because U8 tells no time of change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.kit.faults import FaultyRoute
from connectors.yonyou_u8.connector import YonyouU8
from connectors.yonyou_u8.kind import U8Settings
from core.errors import CredentialsError, RefusedError, TransientError
from core.words import Delivery, Json, Record
from lab.standins.u8 import Relay as Standin
from tests.connectors.yonyou_u8.test_laws import ORDER, fill, settings


@pytest.fixture
def standin() -> Iterator[Standin]:
    with Standin() as made:
        fill(made)
        yield made


def connector(standin: Standin, **more: Any) -> YonyouU8:
    return YonyouU8("erp", U8Settings.model_validate(settings(standin.url) | more))


def read(made: YonyouU8, cursor: Json, limit: int) -> tuple[list[Record], Json]:
    found: list[Record] = []
    while True:
        page = made.poll("purchase_orders", cursor, limit)
        found += YonyouU8.parse(Delivery("r", "erp", page.body, {}, 0), None)
        cursor = page.cursor
        if not page.more:
            return found, cursor


def test_a_round_walks_all_pages_and_hands_out_what_changed(standin: Standin) -> None:
    """Seven orders in pages of three; then the one whose state changed; then nothing."""
    standin.orders[:] = [{"code": f"PO{n}", "date": "2026-11-20", "state": "Opening", **ORDER} for n in range(7)]
    made = connector(standin)
    found, cursor = read(made, None, 3)
    standin.orders[4]["state"] = "Approved"
    changed, cursor = read(made, cursor, 3)

    assert [one.external_id for one in found] == [f"PO{n}" for n in range(7)]
    assert [(one.external_id, one.data["state"]) for one in changed] == [("PO4", "Approved")]
    assert read(made, cursor, 3)[0] == []


def test_a_refused_token_is_renewed_once_and_a_wrong_secret_is_not(standin: Standin) -> None:
    """The words say which it is; the secret in the address is shown nowhere."""
    made = connector(standin)
    made.poll("purchase_orders", None)
    standin.tokens.clear()
    assert made.poll("purchase_orders", None).count == 1
    assert standin.logins == 2
    with FaultyRoute(standin.url) as route:
        wrong = connector(standin, url=route.url, app_secret="wrong-secret-2026")
        with pytest.raises(CredentialsError, match="应用验证失败") as caught:
            wrong.poll("purchase_orders", None)
        assert len(route.seen) == 1
        assert "wrong-secret-2026" not in str(caught.value.as_dict())


def test_a_client_that_is_offline_is_waited_for(standin: Standin) -> None:
    """The relay answers 200 for it; it is an outage and names the program to look at."""
    standin.offline = True
    with pytest.raises(TransientError) as caught:
        connector(standin).poll("purchase_orders", None)
    assert "用友开放平台客户端" in caught.value.fix


def test_an_order_is_added_and_read_back(standin: Standin) -> None:
    """With a biz_id that is the same for every try; a refusal keeps U8's words."""
    made = connector(standin)
    outcome = made.act("add_purchase_order", {"order": ORDER}, key="k")
    assert made.verify("add_purchase_order", {"order": ORDER}, outcome).held
    assert outcome.request["biz_id"] == made.act("add_purchase_order", {"order": ORDER}, key="k").request["biz_id"]
    with pytest.raises(RefusedError, match="供应商编码不能为空"):
        made.act("add_purchase_order", {"order": {"entry": []}}, key="k2")


def test_an_item_that_is_not_there_is_absent(standin: Standin) -> None:
    """Not an error: nobody has it."""
    assert connector(standin).lookup("item", {"code": "NOPE"}, timeout_s=5).absent
