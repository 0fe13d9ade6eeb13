"""Signed byte for byte as the vendor signs; wrong told from ended; a bill saved once and brought as far as wanted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.kingdee_k3cloud import signing
from connectors.kingdee_k3cloud.connector import K3Cloud
from connectors.kingdee_k3cloud.kind import K3CloudSettings
from connectors.kit.faults import FaultyRoute
from core.errors import CredentialsError, InputError, RefusedError, TielineError, TransientError
from core.words import Delivery
from lab.standins.kingdee_k3cloud import APP_ID, APP_SECRET
from lab.standins.kingdee_k3cloud import K3Cloud as Standin
from tests.connectors.kingdee_k3cloud.test_laws import MODEL, fill, settings

PATH = "/k3cloud/Kingdee.BOS.WebApi.ServicesStub.DynamicFormService.View.common.kdsvc"


@pytest.fixture
def standin() -> Iterator[Standin]:
    with Standin() as made:
        fill(made)
        yield made


def connector(standin: Standin, **more: Any) -> K3Cloud:
    return K3Cloud("erp", K3CloudSettings.model_validate(settings(standin.url, **more)))


def test_headers_are_signed_as_the_vendors_sdk_signs_them() -> None:
    """Values computed with the vendor's own code (SDK 8.2.0) from synthetic credentials."""
    made = signing.headers(PATH, "1700000000", "65000000000001", "demo", APP_ID, APP_SECRET, 2052)

    assert made["X-Api-Signature"] == "YjZiMzkyOTNjMTdiYWMxMjg3NWFjZWFlMjgyZjgzYWM5YjU1M2IxNTA1M2FlOWQ1ZmNiNDRhNmQ5ZDEzNDM5OQ=="
    assert made["X-Kd-Appdata"] == "NjUwMDAwMDAwMDAwMDEsZGVtbywyMDUyLDA="
    assert made["X-Kd-Signature"] == "OGZhOTg1MWUyMGE0ZGFhZDg2OTY3YWY1MWEyMmM3ZTkwNDA4OGJjOTdjYmQwZTgxNDg4OThjOTQ2ZDk0NTIzOQ=="
    assert made["X-Api-ClientID"] == "200000"


def test_a_login_is_signed_over_sorted_texts() -> None:
    """LoginBySign: the five texts sorted by code point, SHA-256."""
    sign = signing.login_sign("65000000000001", "demo", APP_ID, APP_SECRET, "1700000000")
    assert sign == "e323d04ba97b7c6e60ac626cc78eda0184bc2822fbb687fe11af779c35e11e30"


@pytest.mark.parametrize("way", ["headers", "session"])
def test_wrong_credentials_are_tried_once(standin: Standin, way: str) -> None:
    """MsgCode 1 speaks of a lost session and means a wrong secret: one call, no loop."""
    made = connector(standin, sign_in=way, app_secret="f" * 32)
    with pytest.raises(CredentialsError):
        made.poll("purchase_orders", None)
    assert len(standin.calls) == 1


def test_an_ended_session_is_renewed_once(standin: Standin) -> None:
    """Told apart from wrong by its words; nobody hears of it."""
    made = connector(standin, sign_in="session")
    made.poll("purchase_orders", None)
    standin.sessions.clear()
    assert made.poll("purchase_orders", None).count == 3
    assert standin.logins == 2


def test_rows_come_by_their_last_change_each_once(standin: Standin) -> None:
    """Rows of one second are all read, however small the pages; times are China's."""
    made, cursor, seen = connector(standin), None, []
    while True:
        page = made.poll("purchase_orders", cursor, 1)
        seen += K3Cloud.parse(Delivery("r", "erp", page.body, {}, 0), None)
        cursor = page.cursor
        if not page.more:
            break
    standin.orders[0] |= {"FStockInQty": 20.0, "FModifyDate": "2026-11-21T08:00:00"}
    (changed,) = K3Cloud.parse(Delivery("r", "erp", made.poll("purchase_orders", cursor).body, {}, 0), None)

    assert [one.external_id for one in seen] == ["PO1/1", "PO1/2", "PO2/3"]
    assert seen[0].data["changed_at"] == "2026-11-20T00:00:00.000000Z"
    assert (changed.external_id, changed.data["stocked"]) == ("PO1/1", 20.0)


def test_stock_is_summed_and_a_quote_stays_a_quote(standin: Standin) -> None:
    """By place and in all; what a number holds never becomes a filter."""
    made = connector(standin)
    found = made.lookup("stock", {"material": "SEAL-80"}, timeout_s=5)
    assert (found.values["quantity"], found.values["unit"], len(found.values["places"])) == (3.5, "件", 2)
    assert made.lookup("stock", {"material": "x' OR '1'='1"}, timeout_s=5).absent


@pytest.mark.parametrize(("until", "status"), [("saved", "A"), ("submitted", "B"), ("audited", "C"), (None, "C")])
def test_a_bill_goes_as_far_as_wanted_and_no_further(standin: Standin, until: str | None, status: str) -> None:
    """A saved bill has no effect until it is audited; a second try goes on where the first ended."""
    made = connector(standin)
    arguments = {"form_id": "PUR_PurchaseOrder", "model": MODEL, "until": until}
    first, again = (made.act("save_bill", arguments, key="k") for _ in range(2))
    assert (again.external_id, again.repeated, standin.written) == (first.external_id, True, 1)
    assert standin.bills[("PUR_PurchaseOrder", str(first.external_id))]["DocumentStatus"] == status
    assert made.verify("save_bill", arguments, first).held
    further = {**arguments, "until": "audited"}
    assert made.verify("save_bill", further, first).held == (status == "C")
    made.act("save_bill", further, key="k")
    assert made.verify("save_bill", further, first).held


@pytest.mark.parametrize(
    ("body", "family"),
    [
        (
            '[[{"Result":{"ResponseStatus":{"IsSuccess":false,"MsgCode":"4","Errors":[{"Message":"字段 FQty 不存在"}]}}}]]',
            RefusedError,
        ),
        (
            '[[{"Result":{"ResponseStatus":{"IsSuccess":false,"MsgCode":"1","Errors":[{"Message":"会话信息已丢失"}]}}}]]',
            CredentialsError,
        ),
        (
            '{"Result":{"ResponseStatus":{"IsSuccess":false,"MsgCode":9,"Errors":[{"Message":"单据已被其他用户修改"}]}}}',
            TransientError,
        ),
        ("response_error: the form is unknown", RefusedError),
        ("[[1, 2]]", TransientError),
        ("<html>login</html>", TransientError),
    ],
)
def test_an_error_is_found_wherever_it_stands(body: str, family: type[TielineError]) -> None:
    """In the only cell of the only row, with a number or a text as its code, as plain text: 200 each time."""
    with FaultyRoute(None) as route:
        made = K3Cloud("erp", K3CloudSettings.model_validate(settings(f"{route.url}/k3cloud")))
        route.next(status=200, body=body.encode(), headers={"content-type": "application/json"})
        with pytest.raises(family):
            made.poll("purchase_orders", None)


@pytest.mark.parametrize("wrong", [{"form_id": "X'; DROP"}, {"model": {}}, {"model": {"FBillNo": "PO9"}}])
def test_what_is_no_bill_is_not_sent(standin: Standin, wrong: dict[str, Any]) -> None:
    """The caller's mistake."""
    with pytest.raises(InputError):
        connector(standin).act("save_bill", {"form_id": "PUR_PurchaseOrder", "model": MODEL, **wrong}, key="k")
    assert not standin.calls
