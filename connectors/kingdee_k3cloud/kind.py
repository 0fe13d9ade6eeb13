"""What the kind kingdee_k3cloud offers: settings, a stream, two lookups and one act. No network here."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field as Setting
from pydantic import SecretStr

from connectors.kit.contract import Act, Field, FieldType, Kind, Lookup, Repeat, Settings, Stream, Text
from connectors.kit.fields import CaFile, OverlapS, TimeoutS, text_field

ORDER_FIELDS = {
    "number": "FBillNo",
    "date": "FDate",
    "supplier": "FSupplierId.FNumber",
    "material": "FMaterialId.FNumber",
    "quantity": "FQty",
    "delivery": "FDeliveryDate",
    "stocked": "FStockInQty",
    "status": "FDocumentStatus",
    "changed_at": "FModifyDate",
    "row": "FPOOrderEntry_FEntryID",
}
STOCK_FIELDS = {
    "material": "FMaterialId.FNumber",
    "name": "FMaterialId.FName",
    "place": "FStockId.FName",
    "quantity": "FBaseQty",
    "available": "FAVBQty",
    "unit": "FBaseUnitId.FName",
}


class K3CloudSettings(Settings):
    """The five values that an administrator has to make and paste, and how we sign."""

    url: str = Setting(
        title="Address of the server",
        description="With /k3cloud: https://erp.example.com/k3cloud",
        pattern=r"^https?://[^\s@?#]+$",
        json_schema_extra={"zh": "服务器地址（含 /k3cloud）"},
    )
    account: str = Setting(
        min_length=1, title="Data centre", description="acctID", json_schema_extra={"zh": "账套（数据中心）编号 acctID"}
    )
    username: str = Setting(min_length=1, title="User name", json_schema_extra={"zh": "集成用户名"})
    app_id: str = Setting(
        pattern=r"^[^_\s]+_[A-Za-z0-9+/=]{32}$",
        title="Application id",
        description="From 第三方系统登录授权; a number, an underscore and 32 letters",
        json_schema_extra={"zh": "应用 ID（系统管理 > 第三方系统登录授权）"},
    )
    app_secret: SecretStr = Setting(title="Application secret", json_schema_extra={"zh": "应用密钥"})
    sign_in: Literal["headers", "session"] = Setting(
        default="headers",
        title="Way to sign",
        description="headers: each request is signed (newer servers); session: LoginBySign first",
        json_schema_extra={"zh": "签名方式：请求头签名或会话登录"},
    )
    lcid: int = Setting(
        default=2052, title="Language", description="2052 Chinese, 1033 English", json_schema_extra={"zh": "语言代码"}
    )
    order_fields: dict[str, str] = Setting(
        default={},
        title="Other names of fields",
        description='Where this server writes a field otherwise: {"stocked": "FStockInQty"}',
        json_schema_extra={"zh": "采购订单字段名修正"},
    )
    overlap_s: Annotated[OverlapS, Setting(ge=5, le=86_400)] = 300
    ca_file: CaFile = None
    timeout_s: TimeoutS = 30.0


ORDERS = Stream(
    name="purchase_orders",
    help="Rows of purchase orders, by their last change",
    every_s=300,
    fields=(
        text_field("id", "number of the order with the id of its row", required=True),
        text_field("number", "FBillNo", required=True),
        text_field("supplier", "FSupplierId.FNumber"),
        text_field("material", "FMaterialId.FNumber"),
        Field("quantity", FieldType.NUMBER, "FQty"),
        Field("stocked", FieldType.NUMBER, "FStockInQty: how much has arrived"),
        Field("date", FieldType.TIME, "FDate, at midnight in China"),
        Field("delivery", FieldType.TIME, "FDeliveryDate"),
        text_field("status", "FDocumentStatus: A created, B in approval, C audited, D again in approval, Z draft"),
        Field("changed_at", FieldType.TIME, "FModifyDate", required=True),
    ),
)

STOCK = Lookup(
    name="stock",
    help="Stock of one material by place",
    inputs=(text_field("material", "its number", required=True),),
    outputs=(
        Field("quantity", FieldType.NUMBER, "sum over all places", required=True),
        Field("available", FieldType.NUMBER, "sum of what is available"),
        text_field("unit", "base unit"),
        Field("places", FieldType.LIST, "[{place, quantity, available}]", required=True),
    ),
)

BILL = Lookup(
    name="bill",
    help="One bill, as View shows it",
    inputs=(text_field("form_id", "PUR_PurchaseOrder", required=True), text_field("number", "its number", required=True)),
    outputs=(
        text_field("number", "its number", required=True),
        text_field("status", "A created, B in approval, C audited, Z draft"),
        Field("bill", FieldType.OBJECT, "all of it", required=True),
    ),
)

SAVE_BILL = Act(
    name="save_bill",
    help="Save a bill under a number of ours, unless there is one; then submit and audit it where that is wanted",
    arguments=(
        text_field("form_id", "PUR_Requisition, PUR_PurchaseOrder …", required=True),
        text_field("number", "FBillNo; one made from the key of this write where it is missing"),
        Field("model", FieldType.OBJECT, "the bill's fields as K3Cloud names them, without FBillNo", required=True),
        Field("until", FieldType.STRING, "how far", words=("saved", "submitted", "audited")),
    ),
    repeat=Repeat.LOOKED_UP,
    permission="WebAPI; view, save, submit and audit on the form",
)

K3CLOUD = Kind(
    name="kingdee_k3cloud",
    title=Text("Kingdee K3Cloud", "金蝶云·星空"),
    settings=K3CloudSettings,
    streams=(ORDERS,),
    lookups=(STOCK, BILL),
    acts=(SAVE_BILL,),
    versions="WebAPI 8.x by the vendor's SDK 8.2.0; not run against a K3Cloud",
)
