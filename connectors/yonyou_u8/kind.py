"""What the kind yonyou_u8 offers: settings, a stream, two lookups and an act. No network here."""

from __future__ import annotations

from pydantic import Field as Setting
from pydantic import SecretStr

from connectors.kit.contract import Act, Field, FieldType, Kind, Lookup, Repeat, Settings, Stream, Text
from connectors.kit.fields import CaFile, TimeoutS, text_field


class U8Settings(Settings):
    """Whose data by which app, through the relay that the customer's client connects to."""

    url: str = Setting(
        default="https://api.yonyouup.com",
        title="Relay",
        pattern=r"^https?://[^\s@?#]+$",
        json_schema_extra={"zh": "开放平台地址"},
    )
    from_account: str = Setting(
        min_length=1, title="Our account", description="from_account", json_schema_extra={"zh": "调用方企业账号"}
    )
    to_account: str = Setting(
        min_length=1, title="Account of the data", description="to_account", json_schema_extra={"zh": "数据提供方企业账号"}
    )
    app_key: str = Setting(min_length=1, title="App key", json_schema_extra={"zh": "应用 app_key"})
    app_secret: SecretStr = Setting(title="App secret", json_schema_extra={"zh": "应用 app_secret"})
    ds_sequence: int = Setting(
        default=1,
        ge=1,
        title="Data source",
        description="Which ledger, where there are several",
        json_schema_extra={"zh": "数据源序号（账套）"},
    )
    history_days: int = Setting(
        default=180, ge=1, le=3650, title="Days of orders that are watched", json_schema_extra={"zh": "关注的订单天数"}
    )
    ca_file: CaFile = None
    timeout_s: TimeoutS = 30.0


ORDERS = Stream(
    name="purchase_orders",
    help="Purchase orders of the watched days that changed; U8 tells no time of change, so all are compared",
    every_s=900,
    fields=(
        text_field("id", "code", required=True),
        text_field("date", "date, as U8 writes it: 2026-11-20"),
        text_field("state", "state, in U8's own words"),
        text_field("supplier", "vendorcode"),
        text_field("supplier_name", "vendorname"),
        text_field("verifier", "who approved it"),
        Field(
            "rows",
            FieldType.LIST,
            "entry: [{inventorycode, quantity, arrivedate, price …}], numbers as U8 writes them",
            required=True,
        ),
    ),
)

ITEM = Lookup(
    name="item",
    help="One item of the inventory file",
    inputs=(text_field("code", "its code", required=True),),
    outputs=(
        text_field("code", "code", required=True),
        text_field("name", "name"),
        Field("item", FieldType.OBJECT, "all of it", required=True),
    ),
)

STOCK = Lookup(
    name="stock",
    help="Stock of one item; the names of its fields are not documented, so the rows come as they are",
    inputs=(text_field("code", "code of the item", required=True),),
    outputs=(
        Field("rows", FieldType.LIST, "currentstock, as U8 gives it", required=True),
        Field("count", FieldType.INTEGER, "how many rows", required=True),
    ),
)

ADD_ORDER = Act(
    name="add_purchase_order",
    help="Add a purchase order, with biz_id made from the key of this write; whether U8 refuses a second one is not documented",
    arguments=(Field("order", FieldType.OBJECT, "the order's fields as U8 names them", required=True),),
    repeat=Repeat.MAY_REPEAT,
    permission="purchaseorder/add and purchaseorder/get, granted to the app by the enterprise",
)

U8 = Kind(
    name="yonyou_u8",
    title=Text("Yonyou U8", "用友 U8+"),
    settings=U8Settings,
    streams=(ORDERS,),
    lookups=(ITEM, STOCK),
    acts=(ADD_ORDER,),
    versions="OpenAPI by third parties' clients; the vendor's manual was not read, and no U8 was asked",
)
