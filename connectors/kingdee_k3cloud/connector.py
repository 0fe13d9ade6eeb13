"""The kingdee_k3cloud connector: composes the WebAPI with what the kind offers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, ClassVar

from connectors.kingdee_k3cloud.kind import K3CLOUD, ORDER_FIELDS, ORDERS, STOCK_FIELDS, K3CloudSettings
from connectors.kingdee_k3cloud.webapi import WebApi
from connectors.kit.contract import CheckReport, Connector, Kind
from connectors.kit.overlap import Overlap
from connectors.kit.shapes import shaped
from core.clock import SECOND, Clock, from_datetime, to_rfc3339
from core.errors import InputError, MalformedError, RefusedError, TielineError
from core.jsons import canonical, sha256
from core.strict import read_json
from core.words import Delivery, Found, Json, Micros, Outcome, Page, Record, Verified

POLLED = "polled"  #: the key that marks a page of ours
MOST_ROWS = 2000
CHINA = timezone(timedelta(hours=8))  #: its times carry no zone and are China's
_FORM = re.compile(r"[A-Za-z][A-Za-z0-9_]{1,60}")
_REACHED = {"saved": "AZBCD", "submitted": "BC", "audited": "C"}


class K3Cloud(Connector):
    """One data centre. Threads share the pool."""

    kind: ClassVar[Kind] = K3CLOUD

    def __init__(self, name: str, settings: K3CloudSettings, *, clock: Clock | None = None) -> None:
        super().__init__(name, settings, clock=clock)
        self._api = WebApi(settings, self.clock.now)

    def check(self) -> CheckReport:
        """Ask for one material: that proves address and all five values; the list of data centres proves nothing."""
        report = CheckReport()
        if not report.run("credentials", self._ask):
            return report
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
                "The page of K3Cloud cannot be read.",
                why=f"{type(error).__name__}: {error}.",
                fix="Only pages that Tieline polled itself are read here.",
            ) from error

    def poll(self, stream: str, cursor: Json, limit: int = 500) -> Page:
        """Read rows of purchase orders by their last change, oldest first."""
        self.kind.stream(stream)
        at = Overlap(cursor, self.settings.overlap_s)
        names = {**ORDER_FIELDS, **self.settings.order_fields}
        size = min(at.size(limit), MOST_ROWS)
        changed, row = names["changed_at"], names["row"]
        where = f"{changed} >= '{_written(at.since)}'" if at.since is not None else ""
        found = self._api.rows("PUR_PurchaseOrder", list(names.values()), where, f"{changed} ASC, {row} ASC", size)
        rows = [dict(zip(names, one, strict=True)) for one in found]
        fresh = at.take(((f"{one['number']}/{one['row']}", _moment(one["changed_at"]), one) for one in rows), limit)
        more = (at.more or len(rows) >= size) and bool(fresh)
        return Page(canonical({POLLED: stream, "rows": fresh}), at.cursor(), more=more, count=len(fresh))

    def lookup(self, name: str, inputs: Mapping[str, Json], *, timeout_s: float) -> Found:
        """Read the stock of a material, or one bill."""
        self.kind.lookup(name)
        if name == "bill":
            form, number = _form(inputs.get("form_id")), _filled(inputs, "number")
            bill = self._view(form, number, timeout_s)
            values: dict[str, Json] = {"number": number, "status": _status(bill), "bill": bill} if bill else {}
            return Found(values, self.clock.now(), f"k3cloud {form} {number}", absent=bill is None)
        material = _filled(inputs, "material")
        where = f"FMaterialId.FNumber = '{_quoted(material)}'"
        rows = self._api.rows("STK_Inventory", list(STOCK_FIELDS.values()), where, "", MOST_ROWS, timeout_s)
        places = [dict(zip(STOCK_FIELDS, one, strict=True)) for one in rows]
        shown = [{field: one[field] for field in ("place", "quantity", "available")} for one in places]
        total = {field: sum(one[field] or 0 for one in places) for field in ("quantity", "available")}
        values = {**total, "unit": places[0]["unit"], "places": shown} if places else {}
        return Found(values, self.clock.now(), f"k3cloud STK_Inventory {material}", absent=not places)

    def act(self, name: str, arguments: Mapping[str, Json], *, key: str) -> Outcome:
        """Save, submit and audit a bill; each step is left out where the bill is there already."""
        shaped(dict(arguments), self.kind.act(name).arguments, f"What {name} is given")
        form, until = _form(arguments.get("form_id")), str(arguments.get("until") or "audited")
        number = str(arguments.get("number") or number_of(key))
        model = arguments.get("model")
        if not isinstance(model, dict) or not model or "FBillNo" in model:
            raise InputError(
                "There is no usable bill.",
                why="model is empty, or holds FBillNo.",
                fix="Give its fields; number is given apart.",
            )
        there = self._view(form, number, None)
        if there is None:
            body = {"formid": form, "data": {"IsDeleteEntry": "true", "Model": {"FBillNo": number, **model}}}
            self._api.call("DynamicFormService.Save", body)
        status = _status(there) if there is not None else "A"
        for step, ready in (("Submit", "AZD"), ("Audit", "B")):
            wanted = until == "audited" or (until == "submitted" and step == "Submit")
            if wanted and status is not None and status in ready:
                self._api.call(
                    f"DynamicFormService.{step}", {"formid": form, "data": {"CreateOrgId": 0, "Numbers": [number], "Ids": ""}}
                )
                status = "B" if step == "Submit" else "C"
        return Outcome(
            number,
            None,
            {"number": number, "status": status},
            repeated=there is not None,
            request={"form_id": form, "model": model},
        )

    def verify(self, name: str, arguments: Mapping[str, Json], outcome: Outcome) -> Verified:
        """View the bill: a saved one has no effect until it is submitted and audited."""
        self.kind.act(name)
        bill = self._view(_form(arguments.get("form_id")), str(outcome.external_id), None)
        until = str(arguments.get("until") or "audited")
        status = _status(bill) if bill is not None else None
        held = status is not None and status in _REACHED[until]
        why = "" if held else f"It is {status or 'not there'}, not {until}."
        return Verified(held, {"status": status}, why)

    def close(self) -> None:
        """Give the sockets back."""
        self._api.client.close()

    def _ask(self) -> str:
        found = self._api.rows("BD_MATERIAL", ["FNumber"], "", "", 1)
        return f"Our query was answered ({len(found)} material read)."

    def _view(self, form: str, number: str, timeout_s: float | None) -> dict[str, Any] | None:
        body = {"formid": form, "data": {"CreateOrgId": 0, "Number": number, "Id": "", "IsSortBySeq": "false"}}
        try:
            found = self._api.call("DynamicFormService.View", body, timeout_s)
        except RefusedError as error:
            if "不存在" in error.why or "not exist" in error.why.lower():
                return None
            raise
        result = found.get("Result") if isinstance(found, dict) else None
        bill = result.get("Result") if isinstance(result, dict) else None
        return bill if isinstance(bill, dict) else None


def number_of(key: str) -> str:
    """
    Return the number of a bill from the key of its write: the same for every try.

    >>> len(number_of("rule/evt/act")), number_of("a") == number_of("b")
    (14, False)
    """
    return f"TL{sha256(key.encode())[:12].upper()}"


def _order(one: Mapping[str, Any]) -> Record:
    fields: dict[str, Json] = {
        name: one.get(name) for name in ("number", "supplier", "material", "quantity", "stocked", "status")
    }
    fields["id"] = f"{one['number']}/{one['row']}"
    for name in ("date", "delivery", "changed_at"):
        fields[name] = to_rfc3339(_moment(one[name])) if one.get(name) else None
    shaped(fields, ORDERS.fields, "A row of a purchase order")
    if not fields["number"] or not fields["changed_at"]:
        raise ValueError("a row without number or time of change")
    return Record("purchase_orders", str(fields["id"]), fields, at=_moment(one["changed_at"]), version=fields["changed_at"])


def _moment(text: Any) -> Micros:
    """
    Read a time of K3Cloud: China's, without saying so.

    >>> _moment("2026-01-01 08:00:00"), _moment("2026-01-01T08:00:00")
    (1767225600000000, 1767225600000000)
    """
    moment = datetime.fromisoformat(str(text))
    return from_datetime(moment if moment.tzinfo is not None else moment.replace(tzinfo=CHINA))


def _written(at: Micros) -> str:
    return datetime.fromtimestamp(at // SECOND, UTC).astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")


def _status(bill: Mapping[str, Any] | None) -> str | None:
    found = bill.get("DocumentStatus") if bill is not None else None
    return str(found) if found else None


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def _filled(inputs: Mapping[str, Json], name: str) -> str:
    found = inputs.get(name)
    if not isinstance(found, str) or not found.strip():
        raise InputError(f"No {name} is given.", why="The lookup needs one.", fix=f"Give {name}.")
    return found.strip()


def _form(given: Json) -> str:
    if isinstance(given, str) and _FORM.fullmatch(given):
        return given
    raise InputError(f"{str(given)[:40]!r} is no form of K3Cloud.", why="It looks like PUR_PurchaseOrder.", fix="Give form_id.")
