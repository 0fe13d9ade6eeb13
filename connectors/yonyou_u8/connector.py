"""The yonyou_u8 connector: composes the relay with what the kind offers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from connectors.kit.answers import UnreadableAnswerError
from connectors.kit.contract import CheckReport, Connector, Kind
from connectors.kit.shapes import shaped
from connectors.yonyou_u8.kind import ORDERS, U8, U8Settings
from connectors.yonyou_u8.relay import Relay
from core.clock import SECOND, Clock
from core.errors import InputError, MalformedError, RefusedError, TielineError
from core.jsons import canonical, sha256
from core.strict import read_json
from core.words import Delivery, Found, Json, Outcome, Page, Record, Verified

POLLED = "polled"  #: the key that marks a page of ours
MOST_ROWS = 100
_FIELDS = {"date": "date", "state": "state", "supplier": "vendorcode", "supplier_name": "vendorname", "verifier": "verifier"}


class YonyouU8(Connector):
    """One data source of one U8. Threads share the token."""

    kind: ClassVar[Kind] = U8

    def __init__(self, name: str, settings: U8Settings, *, clock: Clock | None = None) -> None:
        super().__init__(name, settings, clock=clock)
        self._relay = Relay(settings, self.clock.now)

    def check(self) -> CheckReport:
        """Fetch a token, list one ledger (that passes the relay and the customer's client), and read one order."""
        report = CheckReport()
        if report.run("credentials", self._ledgers):
            report.run("sample:purchase_orders", lambda: f"{self.poll('purchase_orders', None, 1).count} order read.")
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
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise MalformedError(
                "The page of U8 cannot be read.",
                why=f"{type(error).__name__}: {error}.",
                fix="Only pages that Tieline polled itself are read here.",
            ) from error

    def poll(self, stream: str, cursor: Json, limit: int = 500) -> Page:
        """
        Read one page of the watched orders and return those that changed since the last round.

        U8 tells no time of change: every round walks all pages, and the cursor keeps a mark of each order.
        """
        self.kind.stream(stream)
        at: dict[str, Any] = dict(cursor) if cursor else {"page": 1, "size": min(limit, MOST_ROWS), "known": {}, "seen": {}}
        since = datetime.fromtimestamp(self.clock.now() // SECOND, UTC) - timedelta(days=self.settings.history_days)
        query = {"page_index": at["page"], "rows_per_page": at["size"], "date_begin": since.strftime("%Y-%m-%d")}
        content = self._relay.call("GET", "api/purchaseorderlist/batch_get", query)
        rows = _rows(content, "purchaseorderlist")
        marks = {str(one.get("code")): sha256(one)[:16] for one in rows}
        fresh = [one for one in rows if at["known"].get(str(one.get("code"))) != marks[str(one.get("code"))]]
        seen = {**at["seen"], **marks}
        more = at["page"] < int(content.get("page_count") or 1) and bool(rows)
        if more:
            after = {**at, "page": at["page"] + 1, "seen": seen}
        else:
            after = {"page": 1, "size": min(limit, MOST_ROWS), "known": seen, "seen": {}}
        return Page(canonical({POLLED: stream, "rows": fresh}), after, more=more, count=len(fresh))

    def lookup(self, name: str, inputs: Mapping[str, Json], *, timeout_s: float) -> Found:
        """Read an item, or the stock of one."""
        self.kind.lookup(name)
        code = inputs.get("code")
        if not isinstance(code, str) or not code.strip():
            raise InputError("No code is given.", why="The lookup needs one.", fix="Give code.")
        source = f"u8 {name} {code}"
        if name == "item":
            item = self._one("inventory", code, timeout_s)
            values: dict[str, Json] = {"code": code, "name": item.get("name"), "item": item} if item else {}
            return Found(values, self.clock.now(), source, absent=item is None)
        query = {"invcode_begin": code, "invcode_end": code, "page_index": 1, "rows_per_page": MOST_ROWS}
        rows = _rows(self._relay.call("GET", "api/currentstock/batch_get", query, timeout_s=timeout_s), "currentstock")
        return Found({"rows": rows, "count": len(rows)}, self.clock.now(), source, absent=not rows)

    def act(self, name: str, arguments: Mapping[str, Json], *, key: str) -> Outcome:
        """Add an order and wait for U8's own answer."""
        shaped(dict(arguments), self.kind.act(name).arguments, f"What {name} is given")
        order = arguments.get("order")
        if not isinstance(order, dict) or not order:
            raise InputError("There is no order.", why="It is empty.", fix="Give its fields.")
        query = {"biz_id": sha256(key.encode())[:32], "sync": 1}
        content = self._relay.call("POST", "api/purchaseorder/add", query, body={"purchaseorder": order})
        number = content.get("id")
        if not number:
            raise UnreadableAnswerError("U8 added an order without an id.", why="Its answer lacks id.")
        return Outcome(str(number), None, {"id": str(number)}, request={"order": order, "biz_id": query["biz_id"]})

    def verify(self, name: str, arguments: Mapping[str, Json], outcome: Outcome) -> Verified:
        """Read the order back."""
        self.kind.act(name)
        found = self._one("purchaseorder", str(outcome.external_id), None)
        return Verified(
            found is not None, {"state": found.get("state")} if found else {}, "" if found else "U8 has no such order."
        )

    def close(self) -> None:
        """Give the sockets back."""
        self._relay.client.close()

    def _one(self, resource: str, code: str, timeout_s: float | None) -> dict[str, Any] | None:
        try:
            content = self._relay.call("GET", f"api/{resource}/get", {"id": code}, timeout_s=timeout_s)
        except RefusedError as error:
            if "不存在" in error.why:
                return None
            raise
        found = content.get(resource)
        return found if isinstance(found, dict) else None

    def _ledgers(self) -> str:
        content = self._relay.call("GET", "api/account/batch_get", {"page_index": 1, "rows_per_page": 1})
        return f"The relay and the customer's client answered; {content.get('row_count') or 'some'} ledgers."


def _rows(content: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    rows = content.get(name)
    if not isinstance(rows, list) or not all(isinstance(one, dict) for one in rows):
        raise UnreadableAnswerError(f"U8 answered without {name}.", why="The key of its records is the name of the resource.")
    return rows


def _order(one: Mapping[str, Any]) -> Record:
    fields: dict[str, Json] = {ours: None if one.get(theirs) is None else str(one[theirs]) for ours, theirs in _FIELDS.items()}
    fields |= {"id": one["code"], "rows": one.get("entry") or []}
    shaped(fields, ORDERS.fields, "A purchase order")
    if not fields["id"]:
        raise ValueError("an order without code")
    return Record("purchase_orders", str(fields["id"]), fields, version=sha256(fields)[:16])
