"""
What drafts are measured on: sample records with the mapping a person wrote for them.

``real`` are the records of running systems as they were recorded, ``chinese`` the names of Kingdee, Yonyou and Chinese forms;
the words of ``mappings.drafting.concepts`` were chosen with both in view. ``held_out`` was written afterwards from other
vendors' field names and is only measured: nothing was tuned to it. Values are made up.
"""

# ruff: noqa: E501 - one record a line reads better than one field a line

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.memory.kind import KIND as MEMORY
from connectors.registry import connector_class
from connectors.roundup.issues import record as roundup_record
from core.strict import read_yaml
from core.words import Delivery
from mappings.models import EntitySpec

ROOT = Path(__file__).resolve().parents[2]
PACK = ROOT / "packs" / "monitoring"
CONNECTORS = ROOT / "tests" / "connectors"


@dataclass(frozen=True, slots=True)
class Sample:
    """Records, the entity they are to fill, and the fields as a person maps them (``right``: also accepted)."""

    name: str
    entity: EntitySpec
    records: list[dict[str, Any]]
    fields: dict[str, Any]
    declared: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    ids: tuple[str, ...] = ()
    counted: bool = False
    not_from_here: frozenset[str] = frozenset()
    """Fields that formulas compute or bridges set: nobody maps them."""


def documents(file: str) -> Iterable[dict[str, Any]]:
    return [one.value for one in read_yaml((PACK / file).read_text(encoding="utf-8"), file)]


def entity(name: str) -> EntitySpec:
    return EntitySpec.model_validate(next(one for one in documents("entities.yaml") if one["name"] == name))


def mapping(file: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in documents(file) if one["name"] == name)["fields"]
    return found


def declared(kind: str, stream: str) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    fields = connector_class(kind).kind.stream(stream).fields
    return tuple((one.name, one.help, one.words) for one in fields)


SET_BY_US = {"alert": {"priority", "ticket"}, "ticket": {"alert", "product"}, "product": {"low", "ticket"}, "device": set()}


def _zabbix(stream: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for file in sorted((CONNECTORS / "zabbix" / "records").glob("*.json")):
        rows += [one for one in json.loads(file.read_text()) if one["stream"] == stream and not one["deleted"]]
    return rows


def _roundup() -> list[dict[str, Any]]:
    answer = json.loads((CONNECTORS / "roundup" / "recorded" / "rest_list.json").read_text())
    issues = json.loads(answer["body"])["data"]["collection"]
    item = json.loads((CONNECTORS / "roundup" / "recorded" / "rest_item.json").read_text())
    one = json.loads(item["body"])["data"]
    rows = [*issues, {"id": one["id"], **one["attributes"]}]
    return [roundup_record(row, "http://tracker.test/").data for row in rows]


def _tryton() -> list[dict[str, Any]]:
    page = json.loads((CONNECTORS / "tryton" / "recorded_8_2_1.json").read_text())["page"]
    kind = connector_class("tryton")
    delivery = Delivery("rcp_x", "erp", json.dumps(page).encode(), {}, 0, stream="stock")
    settings = kind.kind.settings.model_validate(
        {"url": "http://erp.test", "database": "x", "username": "u", "password": "p"} if kind.kind.settings else {}
    )
    return [one.data for one in kind.parse(delivery, settings)]


def real() -> list[Sample]:
    """Return the records of the running systems, as they were recorded."""
    problems, hosts = _zabbix("problems"), _zabbix("hosts")
    host_fields = mapping("zabbix.yaml", "zabbix-hosts")
    return [
        Sample(
            "zabbix/problems", entity("alert"), [one["data"] for one in problems], mapping("zabbix.yaml", "zabbix-problems"),
            declared("zabbix", "problems"), tuple(one["external_id"] for one in problems), counted=True,
            not_from_here=frozenset(SET_BY_US["alert"]),
        ),
        Sample("zabbix/hosts", entity("device"), [one["data"] for one in hosts], host_fields, declared("zabbix", "hosts"), counted=True),
        Sample(
            "roundup/issues", entity("ticket"), _roundup(),
            {**mapping("roundup.yaml", "roundup-issues"),
             "status": {"from": "$.status", "table": _table("roundup-status")},
             "priority": {"from": "$.priority", "table": _table("roundup-priority"), "unmapped": "quarantine"}},
            declared("roundup", "issues"), not_from_here=frozenset(SET_BY_US["ticket"]),
        ),
        Sample(
            "tryton/stock", entity("product"), _tryton(), mapping("tryton.yaml", "tryton-stock"), declared("tryton", "stock"),
            not_from_here=frozenset(SET_BY_US["product"]),
        ),
    ]  # fmt: skip


def _table(name: str) -> dict[str, Any]:
    rows = next(one for one in documents("roundup.yaml") if one["name"] == name)["rows"]
    return {word: one["to"] if isinstance(one, dict) else one for word, one in rows.items()}


def _made(etype: str, prefix: str, chinese: str, /, **fields: Any) -> EntitySpec:
    given = {"name": etype, "prefix": prefix, "title": {"en": etype.title(), "zh": chinese}, "fields": fields}
    return EntitySpec.model_validate(given)


def _of(kind: str, en: str, zh: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "title": {"en": en, "zh": zh}, **more}


CUSTOMER = _made(
    "customer", "CUST", "客户",
    code=_of("string", "Code", "编码"), name=_of("string", "Name", "名称"), tax_id=_of("string", "Tax number", "税号"),
    phone=_of("string", "Phone", "电话"), address=_of("string", "Address", "地址"), active=_of("boolean", "Active", "启用"),
    created_at=_of("time", "Created", "创建时间"),
)  # fmt: skip
WORK = _made(
    "ticket", "TKT", "工单",
    number=_of("string", "Number", "编号"), title=_of("string", "Title", "标题"),
    status=_of("string", "Status", "状态", words=["open", "in_progress", "resolved"]),
    priority=_of("string", "Priority", "优先级", words=["urgent", "normal", "low"]),
    device=_of("ref", "Device", "设备", to="device"), customer=_of("ref", "Customer", "客户", to="customer"),
    assignee=_of("string", "Assigned to", "负责人"), description=_of("string", "Description", "描述"),
    created_at=_of("time", "Created", "创建时间"), changed_at=_of("time", "Changed", "修改时间"),
)  # fmt: skip
ORDER = _made(
    "order", "ORD", "采购订单",
    number=_of("string", "Number", "编号"), supplier=_of("ref", "Supplier", "供应商", to="supplier"),
    product=_of("ref", "Product", "物料", to="product"), quantity=_of("number", "Quantity", "数量"),
    price=_of("number", "Unit price", "单价"), date=_of("time", "Date", "日期"), note=_of("string", "Note", "备注"),
)  # fmt: skip
ZONE = "Asia/Shanghai"


def _day(path: str, form: str = "%Y-%m-%d") -> dict[str, Any]:
    return {"from": path, "steps": [{"time": {"format": form, "zone": ZONE}}]}


def chinese() -> list[Sample]:
    """Return records as Kingdee and Yonyou name them, and forms with Chinese names."""
    stock = [
        {"FMaterialId": {"FNumber": f"M{n:03}", "FName": name}, "FStockId": {"FNumber": "CK01", "FName": "原料仓"},
         "FBaseQty": qty, "FAVBQty": qty - 1, "FBaseUnitId": {"FName": "个"}, "FSafeStock": 10}
        for n, (name, qty) in enumerate((("轴封 80", 3.0), ("轴承 6208", 25.0), ("液压油", 160.5)), 1)
    ]  # fmt: skip
    orders = [
        {"FBillNo": f"CGDD00000{n}", "FDate": f"2026-01-0{n}T00:00:00", "FSupplierId": {"FNumber": "VEN01", "FName": "北方轴承"},
         "FMaterialId": {"FNumber": "M002", "FName": "轴承 6208"}, "FQty": 10 * n, "FPrice": 12.5 + n, "FDocumentStatus": "C",
         "FNote": "急" if n > 1 else ""}
        for n in (1, 2, 3)
    ]  # fmt: skip
    u8 = [
        {"cInvCode": f"0100{n}", "cInvName": name, "cWhCode": "01", "cWhName": "一号库", "iQuantity": f"{n * 7}.50",
         "cComUnitName": "KG", "iSafeNum": "20", "iTopSum": "200"}
        for n, name in enumerate(("冷轧板", "焊条", "密封圈"), 1)
    ]  # fmt: skip
    clients = [
        {"客户编码": f"KH00{n}", "客户名称": name, "纳税人识别号": "91440300708461136T", "联系电话": "0755-8601338" + str(n),
         "详细地址": f"深圳市南山区 {n} 号", "是否启用": "是" if n != 2 else "否", "创建时间": f"2026-02-0{n} 08:30:00", "业务员": "李雷"}
        for n, name in enumerate(("深圳甲科技有限公司", "广州乙机械厂", "东莞丙电子"), 1)
    ]  # fmt: skip
    forms = [
        {"工单号": f"GD2026{n:04}", "标题": title, "工单状态": state, "紧急程度": rank, "设备编号": f"SB-{n:03}", "设备名称": "液压机",
         "客户编码": "KH001", "负责人": "韩梅梅", "故障描述": "油温过高，已停机", "提交时间": 1767225600000 + n, "更新时间": 1767229200000 + n}
        for n, (title, state, rank) in enumerate((("油温高", "待处理", "紧急"), ("漏油", "处理中", "普通"), ("异响", "已完成", "低")), 1)
    ]  # fmt: skip
    return [
        Sample(
            "Kingdee stock", entity("product"), stock,
            {"code": "$.FMaterialId.FNumber", "name": "$.FMaterialId.FName", "quantity": "$.FBaseQty",
             "unit": "$.FBaseUnitId.FName", "order_point": "$.FSafeStock"},
            not_from_here=frozenset(SET_BY_US["product"]),
        ),
        Sample(
            "Kingdee orders", ORDER, orders,
            {"number": "$.FBillNo", "date": _day("$.FDate", "%Y-%m-%dT%H:%M:%S"), "supplier": "$.FSupplierId.FNumber",
             "product": "$.FMaterialId.FNumber", "quantity": "$.FQty", "price": "$.FPrice",
             "note": {"from": "$.FNote", "steps": ["filled"]}},
        ),
        Sample(
            "Yonyou U8 stock", entity("product"), u8,
            {"code": "$.cInvCode", "name": "$.cInvName", "quantity": {"from": "$.iQuantity", "steps": ["number"]},
             "unit": "$.cComUnitName", "order_point": {"from": "$.iSafeNum", "steps": ["number"]},
             "target": {"from": "$.iTopSum", "steps": ["number"]}},
            not_from_here=frozenset(SET_BY_US["product"]),
        ),
        Sample(
            "Chinese customers", CUSTOMER, clients,
            {"code": "$.客户编码", "name": "$.客户名称", "tax_id": "$.纳税人识别号", "phone": "$.联系电话", "address": "$.详细地址",
             "active": {"from": "$.是否启用", "table": {"是": True, "否": False}},
             "created_at": _day("$.创建时间", "%Y-%m-%d %H:%M:%S")},
        ),
        Sample(
            "Chinese work orders", WORK, forms,
            {"number": "$.工单号", "title": "$.标题",
             "status": {"from": "$.工单状态", "table": {"待处理": "open", "处理中": "in_progress", "已完成": "resolved"}},
             "priority": {"from": "$.紧急程度", "table": {"紧急": "urgent", "普通": "normal", "低": "low"}},
             "device": "$.设备编号", "customer": "$.客户编码", "assignee": "$.负责人", "description": "$.故障描述",
             "created_at": {"from": "$.提交时间", "steps": ["epoch_ms"]}, "changed_at": {"from": "$.更新时间", "steps": ["epoch_ms"]}},
        ),
    ]  # fmt: skip


def held_out() -> list[Sample]:
    """Return what nothing was tuned to: other vendors' names, and the in-memory kind."""
    salesforce = [
        {"Id": f"500xx00000{n}", "CaseNumber": f"0000102{n}", "Subject": subject, "Status": state, "Priority": rank, "Origin": "Phone",
         "Description": "It drips.", "AccountId": "001xx000003", "CreatedDate": f"2026-03-0{n}T08:00:00.000+0000",
         "LastModifiedDate": f"2026-03-0{n}T09:00:00.000+0000", "OwnerId": "005xx01"}
        for n, (subject, state, rank) in enumerate((("Leak", "New", "High"), ("Noise", "Working", "Medium"), ("Smoke", "Closed", "Low")), 1)
    ]  # fmt: skip
    jira = [
        {"id": f"1000{n}", "key": f"FIX-{n}", "fields": {
            "summary": text, "status": {"name": state}, "priority": {"name": rank}, "assignee": {"displayName": "R. Roe"},
            "description": "see photo", "created": f"2026-03-0{n}T08:00:00.000+0800", "updated": f"2026-03-0{n}T10:00:00.000+0800"}}
        for n, (text, state, rank) in enumerate((("Leak", "To Do", "High"), ("Noise", "In Progress", "Medium"), ("Smoke", "Done", "Low")), 1)
    ]  # fmt: skip
    servicenow = [
        {"number": f"INC001000{n}", "short_description": text, "description": "long text", "state": state, "priority": rank,
         "cmdb_ci": "ci-77", "assigned_to": "beth", "opened_at": f"2026-03-0{n} 08:00:00", "sys_updated_on": f"2026-03-0{n} 09:00:00",
         "company": "acme"}
        for n, (text, state, rank) in enumerate((("Leak", "New", "High"), ("Noise", "In Progress", "Moderate"), ("Smoke", "Resolved", "Low")), 1)
    ]  # fmt: skip
    erpnext = [
        {"item_code": f"IT-{n}", "item_name": name, "warehouse": "Stores", "actual_qty": 5.0 * n, "stock_uom": "Nos",
         "reorder_level": 10.0, "valuation_rate": 3.5}
        for n, name in enumerate(("Seal", "Bolt", "Oil"), 1)
    ]  # fmt: skip
    odoo = [
        {"id": n, "default_code": f"P{n}", "display_name": f"[P{n}] {name}", "name": name, "qty_available": 4.0 + n, "uom_name": "Units",
         "reordering_min_qty": 2.0, "reordering_max_qty": 9.0, "list_price": 9.9}
        for n, name in enumerate(("Seal", "Bolt", "Oil"), 1)
    ]  # fmt: skip
    alarms = [
        {"报警编号": f"BJ{n:05}", "报警内容": text, "报警级别": n, "报警状态": "未处理" if n < 3 else "已恢复", "设备号": f"CNC-{n:02}",
         "报警时间": f"2026/03/0{n} 08:00:0{n}", "解除时间": None if n < 3 else "2026/03/03 09:00:00", "车间": "一车间"}
        for n, text in enumerate(("主轴过热", "气压低", "门未关"), 1)
    ]  # fmt: skip
    prometheus = [
        {"id": f"m{n}", "type": "message", "source": None, "time": None, "data": {
            "status": state, "labels": {"alertname": "HostDown", "instance": f"10.0.0.{n}:9100", "severity": "critical"},
            "annotations": {"summary": f"Host {n} is down", "description": "no scrape for 5 minutes"},
            "startsAt": f"2026-03-0{n}T08:00:00Z", "endsAt": "0001-01-01T00:00:00Z" if n < 3 else "2026-03-03T09:00:00Z",
            "generatorURL": "http://prom/graph", "fingerprint": f"c0ffee0{n}"}}
        for n, state in enumerate(("firing", "firing", "resolved"), 1)
    ]  # fmt: skip
    memory: list[dict[str, Any]] = [
        {"id": f"700{n}", "name": "Oil hot", "severity": n, "status": "problem" if n < 3 else "resolved", "acknowledged": n == 3,
         "manual_close": True, "notes": [], "at": f"2026-03-0{n}T08:00:00Z", "machine": "press-07", "part": "SEAL-80"}
        for n in (1, 2, 3)
    ]  # fmt: skip
    alert = entity("alert")
    ours = frozenset(SET_BY_US["alert"])
    cased = {"from": "$.Priority", "table": {"High": "urgent", "Medium": "normal", "Low": "low"}}
    offset = "%Y-%m-%dT%H:%M:%S.%f%z"
    return [
        Sample(
            "Salesforce cases", WORK, salesforce,
            {"number": "$.CaseNumber", "title": "$.Subject", "status": {"from": "$.Status", "table": {"New": "open", "Working": "in_progress", "Closed": "resolved"}},
             "priority": cased, "customer": "$.AccountId", "assignee": "$.OwnerId", "description": "$.Description",
             "created_at": {"from": "$.CreatedDate", "steps": [{"time": {"format": offset}}]},
             "changed_at": {"from": "$.LastModifiedDate", "steps": [{"time": {"format": offset}}]}},
        ),
        Sample(
            "Jira issues", WORK, jira,
            {"number": "$.key", "title": "$.fields.summary",
             "status": {"from": "$.fields.status.name", "table": {"To Do": "open", "In Progress": "in_progress", "Done": "resolved"}},
             "priority": {"from": "$.fields.priority.name", "table": {"High": "urgent", "Medium": "normal", "Low": "low"}},
             "assignee": "$.fields.assignee.displayName", "description": "$.fields.description",
             "created_at": {"from": "$.fields.created", "steps": [{"time": {"format": offset}}]},
             "changed_at": {"from": "$.fields.updated", "steps": [{"time": {"format": offset}}]}},
        ),
        Sample(
            "ServiceNow incidents", WORK, servicenow,
            {"number": "$.number", "title": "$.short_description", "description": "$.description",
             "status": {"from": "$.state", "table": {"New": "open", "In Progress": "in_progress", "Resolved": "resolved"}},
             "priority": {"from": "$.priority", "table": {"High": "urgent", "Moderate": "normal", "Low": "low"}},
             "device": "$.cmdb_ci", "assignee": "$.assigned_to", "customer": "$.company",
             "created_at": _day("$.opened_at", "%Y-%m-%d %H:%M:%S"), "changed_at": _day("$.sys_updated_on", "%Y-%m-%d %H:%M:%S")},
        ),
        Sample(
            "ERPNext bins", entity("product"), erpnext,
            {"code": "$.item_code", "name": "$.item_name", "quantity": "$.actual_qty", "unit": "$.stock_uom", "order_point": "$.reorder_level"},
            not_from_here=frozenset(SET_BY_US["product"]),
        ),
        Sample(
            "Odoo products", entity("product"), odoo,
            {"code": "$.default_code", "name": "$.name", "quantity": "$.qty_available", "unit": "$.uom_name",
             "order_point": "$.reordering_min_qty", "target": "$.reordering_max_qty"},
            not_from_here=frozenset(SET_BY_US["product"]),
        ),
        Sample(
            "Chinese machine alarms", alert, alarms,
            {"event_id": "$.报警编号", "title": "$.报警内容", "severity": "$.报警级别",
             "status": {"from": "$.报警状态", "table": {"未处理": "open", "已恢复": "resolved"}}, "device": "$.设备号",
             "started_at": _day("$.报警时间", "%Y/%m/%d %H:%M:%S"), "ended_at": _day("$.解除时间", "%Y/%m/%d %H:%M:%S")},
            not_from_here=ours,
        ),
        Sample(
            "Alertmanager by webhook", alert, prometheus,
            {"event_id": "$.data.fingerprint", "title": "$.data.annotations.summary", "details": "$.data.annotations.description",
             "status": {"from": "$.data.status", "table": {"firing": "open", "resolved": "resolved"}}, "started_at": "$.data.startsAt",
             "ended_at": {"from": "$.data.endsAt", "on_invalid": "quarantine"}, "device": "$.data.labels.instance"},
            not_from_here=ours,
        ),
        Sample(
            "memory/alerts", alert, memory,
            {"event_id": "$.id", "title": "$.name", "severity": "$.severity",
             "status": {"from": "$.status", "table": {"problem": "open", "resolved": "resolved"}}, "acknowledged": "$.acknowledged",
             "closable": "$.manual_close", "machine": "$.machine", "device": "$.machine", "part": "$.part"},
            tuple((one.name, one.help, one.words) for one in MEMORY.stream("alerts").fields), not_from_here=ours,
        ),
    ]  # fmt: skip
