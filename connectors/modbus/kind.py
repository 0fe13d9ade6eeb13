"""What the kind modbus offers: settings, the stream of readings, one lookup and one act. No network here."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic import Field as Setting

from connectors.kit.contract import Act, Field, FieldType, Kind, Lookup, Repeat, Settings, Stream, Text
from connectors.kit.fields import TimeoutS
from connectors.kit.readings import READING

WORDS = {"uint16": 1, "int16": 1, "uint32": 2, "int32": 2, "float32": 2, "uint64": 4, "int64": 4, "float64": 4}
"""Type of a register's number -> how many registers hold it."""


class Point(BaseModel):
    """Where one value stands in the machine, as its manual says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: Literal["holding", "input", "coil", "discrete"] = "holding"
    address: int = Setting(ge=0, le=65535, description="from 0: manuals that write 40001 mean holding 0")
    type: Literal["uint16", "int16", "uint32", "int32", "float32", "uint64", "int64", "float64"] = "uint16"
    word_order: Literal["big", "little"] = "big"
    scale: float = Setting(default=1.0, description="value = number * scale + offset")
    offset: float = 0.0
    unit: str | None = None
    deadband: float = Setting(default=0.0, ge=0, description="smaller changes are no news")
    writable: bool = False

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.scale == 0:
            raise ValueError("a scale of 0 makes every value the same")
        if self.writable and self.table not in ("holding", "coil"):
            raise ValueError(f"a point of the table {self.table} cannot be written")
        return self

    @property
    def size(self) -> int:
        """How many registers or bits it takes."""
        return WORDS[self.type] if self.table in ("holding", "input") else 1


class ModbusSettings(Settings):
    """Where the machine is, and what its registers mean."""

    host: str = Setting(min_length=1, pattern=r"^[^\s/@]+$", title="Host of the machine", json_schema_extra={"zh": "设备地址"})
    port: int = Setting(default=502, ge=1, le=65535, title="Port", json_schema_extra={"zh": "端口"})
    device: int = Setting(
        default=1,
        ge=0,
        le=255,
        title="Device number",
        description="Unit id; behind a gateway the number of the machine on its line",
        json_schema_extra={"zh": "从站号（Unit ID）"},
    )
    points: dict[Annotated[str, Setting(min_length=1, max_length=100)], Point] = Setting(
        min_length=1,
        max_length=500,
        title="Points",
        description='{"oil_temperature": {"table": "holding", "address": 0, "type": "float32", "unit": "°C"}}',
        json_schema_extra={"zh": "点位表：名称 → 寄存器地址与类型"},
    )
    timeout_s: TimeoutS = 3.0


READINGS = Stream("readings", "Points whose value or quality changed", READING, every_s=10)

READING_OF = Lookup(
    name="reading",
    help="One point, read now",
    inputs=(Field("point", FieldType.STRING, "name of the point", required=True),),
    outputs=READING,
)

WRITE = Act(
    name="write",
    help="Write a number to a point that is marked writable; 1 and 0 switch a coil",
    arguments=(
        Field("point", FieldType.STRING, "name of the point", required=True),
        Field("value", FieldType.NUMBER, "in the point's own unit", required=True),
    ),
    repeat=Repeat.IDEMPOTENT,
    permission="writable: true in the point's settings",
)

MODBUS = Kind(
    name="modbus",
    title=Text("Modbus TCP", "Modbus TCP 设备"),
    settings=ModbusSettings,
    streams=(READINGS,),
    lookups=(READING_OF,),
    acts=(WRITE,),
    versions="Modbus TCP; seen with the server of pymodbus 3.16.1",
)
