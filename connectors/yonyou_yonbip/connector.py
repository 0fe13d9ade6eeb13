"""The yonyou_yonbip connector: composes the gateway with what the kind offers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, ClassVar

from connectors.kit.answers import UnreadableAnswerError
from connectors.kit.contract import CheckReport, Connector, Kind
from connectors.kit.overlap import Overlap
from connectors.kit.shapes import shaped
from connectors.yonyou_yonbip.gateway import Gateway
from connectors.yonyou_yonbip.kind import ORDERS, YONBIP, YonBipSettings
from core.clock import SECOND, Clock, from_datetime, to_rfc3339
from core.errors import InputError, MalformedError, TielineError
from core.jsons import canonical, sha256
from core.strict import read_json
from core.words import Delivery, Found, Json, Micros, Outcome, Page, Record, Verified

POLLED = "polled"  #: the key that marks a page of ours
CHINA = timezone(timedelta(hours=8))  #: its times carry no zone and are China's
PAGE = 100
_LIST, _SAVE = "yonbip/scm/purchaseorder/list", "yonbip/scm/purchaseorder/singleSave_v1"
_STOCK = "yonbip/scm/stock/QueryCurrentStocksByCondition"
_THERE = ("10004", "100004")  #: the same key once more: both are written in the manual


class YonBip(Connector):
    """One tenant. Threads share the token."""

    kind: ClassVar[Kind] = YONBIP

    def __init__(self, name: str, settings: YonBipSettings, *, clock: Clock | None = None) -> None:
        super().__init__(name, settings, clock=clock)
        self._gateway = Gateway(settings, self.clock.now)

    def check(self) -> CheckReport:
        """Fetch a token and read one row: that proves both addresses, the clock, the app and its API category."""
        report = CheckReport()
        if report.run("credentials", self._ask):
            report.run("sample:purchase_orders", lambda: f"{self.poll('purchase_orders', None, 1).count} row read.")
        return report

    @classmethod
    def parse(cls, delivery: Delivery, settings: Any) -> list[Record]:
        """Read a polled page. Pure."""
        del settings
        content = read_json(delivery.body)
        try:
            return [_order(one) for one in {"purchase_orders": content["rows"]}[content[POLLED]]]
        except TielineError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise MalformedError(
                "The page of YonBIP cannot be read.",
                why=f"{type(error).__name__}: {error}.",
                fix="Only pages that Tieline polled itself are read here.",
            ) from error

    def poll(self, stream: str, cursor: Json, limit: int = 500) -> Page:
        """Read rows of purchase orders by their last change, oldest first."""
        self.kind.stream(stream)
        at = Overlap(cursor, self.settings.overlap_s)
        rows = ((_name(one), _moment(one["pubts"]), one) for one in self._orders(at.since))
        fresh = at.take(rows, limit)
        return Page(canonical({POLLED: stream, "rows": fresh}), at.cursor(), more=at.more, count=len(fresh))

    def lookup(self, name: str, inputs: Mapping[str, Json], *, timeout_s: float) -> Found:
        """Read the stock of a product; which filters the API takes beside the organisation is not documented: filtered here."""
        self.kind.lookup(name)
        product = inputs.get("product")
        if not isinstance(product, str) or not product.strip():
            raise InputError("No product is given.", why="The lookup needs its code.", fix="Give product.")
        body = {"org": self.settings.org} if self.settings.org else {}
        rows = self._gateway.call(_STOCK, body, timeout_s=timeout_s).get("data")
        if not isinstance(rows, list):
            raise UnreadableAnswerError("YonBIP answered stock without a list.", why="Its manual promises a plain list.")
        mine = [one for one in rows if isinstance(one, dict) and one.get("product_code") == product]
        shown = {"place": "warehouse_name", "quantity": "currentqty", "available": "availableqty", "batch": "batchno"}
        places = [{ours: one.get(theirs) for ours, theirs in shown.items()} for one in mine]
        total = {field: sum(float(one[field] or 0) for one in places) for field in ("quantity", "available")}
        values: dict[str, Json] = {**total, "places": places} if places else {}
        return Found(values, self.clock.now(), f"yonbip stock of {product}", absent=not places)

    def act(self, name: str, arguments: Mapping[str, Json], *, key: str) -> Outcome:
        """Save an order; YonBIP honours our key for an hour, and its answer to a second try names the first."""
        shaped(dict(arguments), self.kind.act(name).arguments, f"What {name} is given")
        order = arguments.get("order")
        if not isinstance(order, dict) or not order or "resubmitCheckKey" in order:
            raise InputError(
                "There is no usable order.", why="It is empty, or brings a key of its own.", fix="Give its fields."
            )
        body = {"data": {**order, "_status": "Insert", "resubmitCheckKey": sha256(key.encode())[:32]}}
        content = self._gateway.call(_SAVE, body, fine=_THERE)
        made = content.get("data")
        number = made.get("id") if isinstance(made, dict) else None
        if number is None:
            raise UnreadableAnswerError("YonBIP saved an order without an id.", why="Its answer lacks data.id.")
        repeated = str(content["code"]) in _THERE
        return Outcome(str(number), None, {"id": str(number)}, repeated=repeated, request={"order": order})

    def verify(self, name: str, arguments: Mapping[str, Json], outcome: Outcome) -> Verified:
        """Find the order in the list again."""
        self.kind.act(name)
        found = next(iter(self._orders(None, {"field": "id", "op": "eq", "value1": outcome.external_id})), None)
        held = found is not None and str(found.get("id")) == outcome.external_id
        return Verified(
            held, {"status": str(found.get("status"))} if found else {}, "" if held else "The order is not in the list."
        )

    def close(self) -> None:
        """Give the sockets back."""
        self._gateway.close()

    def _orders(self, since: Micros | None, which: dict[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """Read page after page, by the time of the last change; it knows only `gt`, so a second earlier."""
        where = [which] if which else []
        if since is not None:
            where.append({"field": "pubts", "op": "gt", "value1": _written(since - SECOND)})
        page = 1
        while True:
            body: dict[str, Any] = {"pageIndex": page, "pageSize": PAGE, "queryOrders": [{"field": "pubts", "order": "asc"}]}
            content = self._gateway.call(_LIST, body | ({"simpleVOs": where} if where else {})).get("data")
            rows = content.get("recordList") if isinstance(content, dict) else None
            if (
                not isinstance(content, dict)
                or not isinstance(rows, list)
                or not all(isinstance(one, dict) and "pubts" in one for one in rows)
            ):
                raise UnreadableAnswerError(
                    "YonBIP answered a list without records.", why="Its manual promises data.recordList."
                )
            yield from rows
            if len(rows) < PAGE or page * PAGE >= int(content.get("recordCount") or 0):
                return
            page += 1

    def _ask(self) -> str:
        next(iter(self._orders(None)), None)
        return "A token was given and our query was answered."


def _name(one: Mapping[str, Any]) -> str:
    return f"{one['code']}/{one.get('purchaseOrders_id') or one.get('product_cCode') or ''}"


def _order(one: Mapping[str, Any]) -> Record:
    status = one.get("status")
    fields: dict[str, Json] = {
        "id": _name(one),
        "number": one["code"],
        "supplier": _plain(one.get("vendor")),
        "supplier_name": one.get("vendor_name"),
        "material": one.get("product_cCode"),
        "quantity": one.get("subQty"),
        "stocked": one.get("purchaseOrders_totalInSubqty"),
        "status": _plain(status),
    }
    for ours, theirs in (("date", "vouchdate"), ("delivery", "planArrivalDate"), ("changed_at", "pubts")):
        fields[ours] = to_rfc3339(_moment(one[theirs])) if one.get(theirs) else None
    shaped(fields, ORDERS.fields, "A row of a purchase order")
    if not fields["number"] or not fields["changed_at"]:
        raise ValueError("a row without code or pubts")
    return Record("purchase_orders", str(fields["id"]), fields, at=_moment(one["pubts"]), version=fields["changed_at"])


def _plain(value: Any) -> str | None:
    return None if value is None else str(value)


def _moment(text: Any) -> Micros:
    """
    Read a time of YonBIP: China's, without saying so.

    >>> _moment("2026-01-01 08:00:00")
    1767225600000000
    """
    moment = datetime.fromisoformat(str(text))
    return from_datetime(moment if moment.tzinfo is not None else moment.replace(tzinfo=CHINA))


def _written(at: Micros) -> str:
    return datetime.fromtimestamp(at // SECOND, UTC).astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")
