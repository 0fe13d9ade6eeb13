"""A token by a signature, renewed once; codes that are numbers or texts; an order saved once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.yonyou_yonbip.connector import YonBip
from connectors.yonyou_yonbip.kind import YonBipSettings
from core.clock import FixedClock
from core.errors import CredentialsError, PermissionDeniedError, RateLimitedError, RefusedError, TielineError, TransientError
from core.words import Delivery
from lab.standins.server import Answer
from lab.standins.yonbip import YonBip as Standin
from tests.connectors.yonyou_yonbip.test_laws import ORDER, fill, row, settings


@pytest.fixture
def standin() -> Iterator[Standin]:
    with Standin() as made:
        fill(made)
        yield made


def connector(standin: Standin, clock: FixedClock | None = None, **more: str) -> YonBip:
    return YonBip("erp", YonBipSettings.model_validate(settings(standin.url) | more), clock=clock)


def test_a_token_is_fetched_before_its_end_and_once_when_it_is_refused(standin: Standin, clock: FixedClock) -> None:
    """Two hours of life, five minutes of margin; a refused one is renewed and nobody hears of it."""
    made = connector(standin, clock)
    for minutes, logins in ((0, 1), (110, 1), (6, 2)):
        clock.move(minutes * 60)
        made.poll("purchase_orders", None)
        assert standin.logins == logins
    standin.tokens.clear()
    assert made.poll("purchase_orders", None).count == 2
    assert standin.logins == 3


def test_a_wrong_secret_is_said_once(standin: Standin) -> None:
    """The token service refuses it; there is no loop and no secret in the words."""
    with pytest.raises(CredentialsError, match="签名错误") as caught:
        connector(standin, app_secret="another-secret").poll("purchase_orders", None)
    assert "another-secret" not in str(caught.value.as_dict())


@pytest.mark.parametrize(
    ("answer", "family"),
    [
        (Answer.of({"code": 310037, "message": "未授权"}), PermissionDeniedError),
        (Answer.of({"code": "310046", "message": "限流"}), RateLimitedError),
        (Answer.of({"code": 310504, "message": "timeout"}), TransientError),
        (Answer.of({"code": 999, "message": "业务异常"}), RefusedError),
        (Answer(200, b"<html/>"), TransientError),
    ],
)
def test_a_code_decides_who_moves(standin: Standin, answer: Answer, family: type[TielineError]) -> None:
    """Numbers and texts alike, all of them with status 200."""
    standin.said.append(answer)
    with pytest.raises(family):
        connector(standin).poll("purchase_orders", None)


def test_the_one_plain_text_about_a_token_is_understood(standin: Standin) -> None:
    """It renews the token as the code would."""
    standin.said.append(Answer(200, "非法token".encode()))
    assert connector(standin).poll("purchase_orders", None).count == 2
    assert standin.logins == 2


def test_rows_come_by_their_last_change_each_once(standin: Standin) -> None:
    """More than one page of theirs, pages of one of ours, many of one second."""
    standin.orders[:] = [row(number) for number in range(1, 121)]
    made, cursor, seen = connector(standin), None, []
    while True:
        page = made.poll("purchase_orders", cursor, 50)
        seen += YonBip.parse(Delivery("r", "erp", page.body, {}, 0), None)
        cursor = page.cursor
        if not page.more:
            break
    standin.orders[4] = row(5, "2026-11-21 08:00:00", purchaseOrders_totalInSubqty=20)
    (changed,) = YonBip.parse(Delivery("r", "erp", made.poll("purchase_orders", cursor).body, {}, 0), None)

    assert sorted(one.external_id for one in seen) == sorted(f"CG{number}/{number * 10}" for number in range(1, 121))
    assert (changed.external_id, changed.data["stocked"]) == ("CG5/50", 20)


def test_stock_is_of_this_product_alone(standin: Standin) -> None:
    """The API brings the whole organisation's; others do not count."""
    found = connector(standin).lookup("stock", {"product": "SEAL-80"}, timeout_s=5)
    assert (found.values["quantity"], len(found.values["places"])) == (3.5, 2)


def test_an_order_is_saved_once(standin: Standin) -> None:
    """YonBIP honours our key: the second answer names the first order."""
    made = connector(standin)
    first, again = (made.act("create_purchase_order", {"order": ORDER}, key="k") for _ in range(2))
    assert (again.external_id, again.repeated, len(standin.saved)) == (first.external_id, True, 1)
    assert made.verify("create_purchase_order", {"order": ORDER}, first).held
