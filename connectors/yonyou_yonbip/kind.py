"""What the kind yonyou_yonbip offers: settings, a stream, a lookup and an act. No network here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field as Setting
from pydantic import SecretStr

from connectors.kit.contract import Act, Field, FieldType, Kind, Lookup, Repeat, Settings, Stream, Text
from connectors.kit.fields import CaFile, OverlapS, TimeoutS, text_field


class YonBipSettings(Settings):
    """Which data centre, and which app of ours."""

    url: str = Setting(
        title="Gateway",
        description="gatewayUrl of the tenant: https://c2.yonyoucloud.com/iuap-api-gateway",
        pattern=r"^https?://[^\s@?#]+$",
        json_schema_extra={"zh": "网关地址 gatewayUrl（按租户查询）"},
    )
    auth_url: str = Setting(
        title="Token service",
        description="tokenUrl of the tenant: https://c2.yonyoucloud.com/iuap-api-auth",
        pattern=r"^https?://[^\s@?#]+$",
        json_schema_extra={"zh": "令牌服务地址 tokenUrl（按租户查询）"},
    )
    app_key: str = Setting(min_length=1, title="App key", json_schema_extra={"zh": "应用 appKey"})
    app_secret: SecretStr = Setting(title="App secret", json_schema_extra={"zh": "应用 appSecret"})
    org: str | None = Setting(
        default=None,
        title="Organisation",
        description="Id, for stock; all of them when left out",
        json_schema_extra={"zh": "库存组织编号"},
    )
    overlap_s: Annotated[OverlapS, Setting(ge=5, le=86_400)] = 300
    ca_file: CaFile = None
    timeout_s: TimeoutS = 20.0


ORDERS = Stream(
    name="purchase_orders",
    help="Rows of purchase orders, by their last change",
    every_s=300,
    fields=(
        text_field("id", "code of the order with the id or product of its row", required=True),
        text_field("number", "code", required=True),
        text_field("supplier", "vendor"),
        text_field("supplier_name", "vendor_name"),
        text_field("material", "product_cCode"),
        Field("quantity", FieldType.NUMBER, "subQty"),
        Field("stocked", FieldType.NUMBER, "purchaseOrders_totalInSubqty: how much has arrived"),
        Field("date", FieldType.TIME, "vouchdate, China's"),
        Field("delivery", FieldType.TIME, "planArrivalDate"),
        text_field("status", "0 open, 1 audited, 2 closed, 3 in approval"),
        Field("changed_at", FieldType.TIME, "pubts", required=True),
    ),
)

STOCK = Lookup(
    name="stock",
    help="Stock of one product by warehouse",
    inputs=(text_field("product", "its code", required=True),),
    outputs=(
        Field("quantity", FieldType.NUMBER, "sum of currentqty", required=True),
        Field("available", FieldType.NUMBER, "sum of availableqty"),
        Field("places", FieldType.LIST, "[{place, quantity, available, batch}]", required=True),
    ),
)

CREATE_ORDER = Act(
    name="create_purchase_order",
    help="Save a purchase order under a key of ours; it has no effect until somebody submits and audits it",
    arguments=(
        Field("order", FieldType.OBJECT, "the order's fields as YonBIP names them, without resubmitCheckKey", required=True),
    ),
    repeat=Repeat.NATIVE_KEY,
    permission="API categories of purchasing, ticked for the app",
)

YONBIP = Kind(
    name="yonyou_yonbip",
    title=Text("Yonyou YonBIP", "用友 YonBIP"),
    settings=YonBipSettings,
    streams=(ORDERS,),
    lookups=(STOCK,),
    acts=(CREATE_ORDER,),
    versions="public cloud, by the vendor's SDK and ingested manual of 2026-06; not run against it",
)
