"""What the kind sql offers: settings, the stream of rows, one lookup and one act. No network here."""

from __future__ import annotations

import re
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, SecretStr, model_validator
from pydantic import Field as Setting
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from connectors.kit.contract import Act, Field, FieldType, Kind, Lookup, Repeat, Settings, Stream, Text
from connectors.kit.fields import CaFile, OverlapS, TimeoutS

NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_READS = re.compile(r"(?is)\s*(select|with)\b")


def one_statement(sql: str) -> str:
    """Refuse several statements in one text: the second would go unseen."""
    if ";" in sql.strip().rstrip(";"):
        raise ValueError("give one statement, without a semicolon inside")
    return sql.strip().rstrip(";")


def reading(sql: str) -> str:
    """Refuse what does not begin as a question; what it does inside, the database's read-only transaction refuses."""
    if not _READS.match(sql):
        raise ValueError("a question begins with SELECT or WITH")
    return one_statement(sql)


Question = Annotated[str, AfterValidator(reading)]
Statement = Annotated[str, AfterValidator(one_statement)]
Named = Annotated[str, Setting(pattern=f"^{NAME}$")]


class SqlSettings(Settings):
    """Where the database is, what is read as rows, and which questions may be asked."""

    url: str = Setting(
        title="Database URL",
        description="As SQLAlchemy writes it, without a password: postgresql+psycopg://reader@db.example.com/erp",
        json_schema_extra={"zh": "数据库 URL（SQLAlchemy 格式，不含密码）"},
    )
    password: SecretStr | None = Setting(
        default=None,
        title="Password",
        description="Of the user in the URL; a user of our own that may only read.",
        json_schema_extra={"zh": "密码（建议使用只读账号）"},
    )
    rows: Question | None = Setting(
        default=None,
        title="Question for the rows",
        description="SELECT without ORDER BY and LIMIT; its columns are the fields of a row. Empty: nothing is polled.",
        json_schema_extra={"zh": "轮询语句：不含 ORDER BY 与 LIMIT 的 SELECT"},
    )
    key: str = Setting(
        default="id",
        pattern=f"^{NAME}$",
        title="Key column",
        description="Names a row, never null, never twice.",
        json_schema_extra={"zh": "主键列"},
    )
    changed: str | None = Setting(
        default=None,
        pattern=f"^{NAME}$",
        title="Column of the last change",
        description="A time that each change moves forward. Without it only new rows are seen, by a growing key.",
        json_schema_extra={"zh": "最后修改时间列（留空则按递增主键读取新行）"},
    )
    overlap_s: Annotated[OverlapS, Setting(ge=0, le=86_400)] = 60
    timezone: str = Setting(
        default="UTC",
        title="Time zone of times without one",
        description="IANA name, for example Asia/Shanghai",
        json_schema_extra={"zh": "无时区时间所属的时区"},
    )
    questions: dict[Named, Question] = Setting(
        default={},
        title="Questions",
        description='Name -> SELECT with :parameters, for the lookup: {"stock": "SELECT * FROM stock WHERE code = :code"}',
        json_schema_extra={"zh": "命名查询：名称 → 带 :参数 的 SELECT"},
    )
    writes: dict[Named, Statement] = Setting(
        default={},
        title="Writes",
        description="Name -> INSERT, UPDATE or DELETE with :parameters, for the act. Empty: this connector only reads.",
        json_schema_extra={"zh": "命名写入语句（留空则只读）"},
    )
    ca_file: CaFile = None
    timeout_s: TimeoutS = 10.0

    @model_validator(mode="after")
    def _usable(self) -> Self:
        try:
            url = make_url(self.url)
        except ArgumentError:
            raise ValueError("url is not a database URL such as postgresql+psycopg://reader@db.example.com/erp") from None
        if url.password is not None:
            raise ValueError("leave the password out of url and give it in password, where it is kept secret")
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{self.timezone!r} is no IANA time zone such as Europe/Berlin") from None
        return self


ROWS = Stream(
    name="rows",
    help="Rows of the connector's question, new ones by key or changed ones by time. Deleted rows are not seen",
    every_s=60,
    fields=(
        Field("id", FieldType.STRING, "value of the key column", required=True),
        Field("changed_at", FieldType.TIME, "value of the column of the last change; null without one"),
        Field("row", FieldType.OBJECT, "every column; its fields are the question's own", required=True),
    ),
)

QUESTION = Lookup(
    name="question",
    help="The answer to one of the connector's questions",
    inputs=(
        Field("name", FieldType.STRING, "name of the question", required=True),
        Field("parameters", FieldType.OBJECT, "its parameters; they are bound, never written into the text"),
    ),
    outputs=(
        Field("rows", FieldType.LIST, "at most 500 rows", required=True),
        Field("first", FieldType.OBJECT, "the first row", required=True),
        Field("count", FieldType.INTEGER, "how many rows there are, up to 501", required=True),
    ),
)

WRITE = Act(
    name="write",
    help="One of the connector's writes, in a transaction of its own",
    arguments=(
        Field("name", FieldType.STRING, "name of the write", required=True),
        Field("parameters", FieldType.OBJECT, "its parameters; :tieline_key is ours and the same for every try"),
    ),
    repeat=Repeat.MAY_REPEAT,
    permission="INSERT, UPDATE or DELETE on what the write names",
)

SQL = Kind(
    name="sql",
    title=Text("SQL database", "SQL 数据库"),
    settings=SqlSettings,
    streams=(ROWS,),
    lookups=(QUESTION,),
    acts=(WRITE,),
    counted_ids=True,
    versions="any SQLAlchemy 2 dialect with its driver installed; seen with PostgreSQL 15, MariaDB 10.11, SQLite 3",
)
