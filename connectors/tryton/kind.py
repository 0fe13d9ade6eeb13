"""What the kind tryton offers: settings, the stock stream and the stock lookup. No network here."""

from __future__ import annotations

from pydantic import Field as Setting

from connectors.kit.contract import Field, FieldType, Kind, Lookup, Settings, Stream, Text
from connectors.kit.fields import CaFile, Password, TimeoutS


class TrytonSettings(Settings):
    """Where the Tryton server is, which database, and as whom we sign in."""

    url: str = Setting(
        title="Address of the Tryton server",
        description="Without the database, for example https://erp.example.com:8000",
        pattern=r"^https?://[^\s@]+$",
        json_schema_extra={"zh": "Tryton 服务器地址（不含数据库名）"},
    )
    database: str = Setting(
        title="Database",
        description="Name of the Tryton database, as in the client's login",
        pattern=r"^[A-Za-z0-9_.-]+$",
        json_schema_extra={"zh": "数据库名"},
    )
    username: str = Setting(title="User name", min_length=1, json_schema_extra={"zh": "用户名"})
    password: Password
    warehouses: tuple[str, ...] = Setting(
        default=(),
        title="Warehouses",
        description="Codes of the warehouses whose stock counts; all of them when empty",
        json_schema_extra={"zh": "参与统计的仓库代码，留空表示全部仓库"},
    )
    ca_file: CaFile = None
    timeout_s: TimeoutS = 10.0


_PRODUCT = (
    Field("code", FieldType.STRING, "code of the product; it is the external id", required=True),
    Field("name", FieldType.STRING, "name of the product"),
    Field("quantity", FieldType.NUMBER, "stock in the warehouses, in the product's default unit", required=True),
    Field("unit", FieldType.STRING, "symbol of the default unit; null when the unit has none"),
    Field("order_point", FieldType.NUMBER, "minimum before ordering; null without an order point", required=True),
    Field("target", FieldType.NUMBER, "what an order fills up to; null without an order point", required=True),
)

STOCK = Stream(
    name="stock",
    help="Products with a code: stock, order point and target",
    fields=_PRODUCT,
    every_s=300,
)

STOCK_OF = Lookup(
    name="stock",
    help="Stock of one product by place, its order point, and the bills of materials it is part of",
    inputs=(Field("code", FieldType.STRING, "code of the product", required=True),),
    outputs=(
        *_PRODUCT,
        Field("forecast", FieldType.NUMBER, "stock expected by tomorrow, planned moves included; null when not told"),
        Field("bom", FieldType.LIST, "[{bom, code, name, quantity, unit}]: every input of those; null when not readable"),
        Field("locations", FieldType.LIST, "[{location, name, quantity}]: storage places that hold some"),
    ),
)

TRYTON = Kind(
    name="tryton",
    title=Text("Tryton", "Tryton 企业资源计划"),
    settings=TrytonSettings,
    streams=(STOCK,),
    lookups=(STOCK_OF,),
    versions="built for and seen with 8.2",
)
