"""
Settings: read once at the door from the environment, all faults named at once.

Each field says its environment variable, default and help; docs/reference/settings.md is held
against these fields by a test, and ``tieline doctor`` prints them with secrets masked.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from core.errors import SettingsError

PREFIX = "TIELINE_"


def setting(default: str, help_text: str, *, help_zh: str) -> Any:
    """Declare one setting with its default (as text, the way the environment holds it) and help in both languages."""
    return field(default=default, metadata={"default": default, "help": help_text, "help_zh": help_zh})


@dataclass(frozen=True, slots=True)
class Settings:
    """What this process was told. Empty texts mean: derive it from ``home``."""

    home: str = setting(
        ".tieline", "Folder of this Tieline: database, key file, bell, logs.", help_zh="数据目录：数据库、密钥文件、日志"
    )
    database_url: str = setting(
        "",
        "sqlite:///… or postgresql+psycopg://…; empty: SQLite in the home folder.",
        help_zh="数据库地址；留空则在数据目录中使用 SQLite",
    )
    kinds_folder: str = setting(
        "",
        "Folder of your own kinds: KIND.yaml or KIND/manifest.yaml; empty: kinds in the home folder.",
        help_zh="自定义系统类型清单目录：KIND.yaml 或 KIND/manifest.yaml；留空则使用数据目录中的 kinds",
    )
    broker_url: str = setting(
        "",
        "redis://… or amqp://…; empty: the embedded bell in the home folder.",
        help_zh="消息代理地址；留空则使用内置唤醒机制",
    )
    queue: str = setting(
        "tieline",
        "Name of the queue on the broker; two Tielines on one broker need two.",
        help_zh="消息代理上的队列名；同一代理上的多个 Tieline 须各用一个",
    )
    host: str = setting("127.0.0.1", "Address the web server listens on.", help_zh="监听地址")
    port: int = setting("8370", "Port the web server listens on.", help_zh="监听端口")
    public_url: str = setting(
        "", "How others reach this Tieline; used in links and door addresses.", help_zh="对外访问地址，用于链接"
    )
    language: str = setting("en", "Language of notes and of the command line: en or zh.", help_zh="界面与备注的语言：en 或 zh")
    log_level: str = setting("INFO", "DEBUG, INFO, WARNING or ERROR.", help_zh="日志级别")
    log_format: str = setting(
        "text",
        "text for people, or json: one object a line with what it is about.",
        help_zh="日志格式：text 或 json（每行一个对象）",
    )
    traces: str = setting(
        "",
        "Where traces go: an OTLP collector such as http://127.0.0.1:4318, or otlp: as OTEL_… variables say; empty: off.",
        help_zh="链路追踪导出：OTLP 收集器地址，如 http://127.0.0.1:4318；otlp 表示按 OTEL_… 变量；留空则关闭",
    )
    lease_s: int = setting("15", "Seconds a worker owns what it claimed before it must renew.", help_zh="任务租约秒数")
    lag_s: int = setting(
        "60", "Seconds that what is accepted may wait; when it would be more, the doors refuse.", help_zh="可接受的最长排队秒数"
    )
    backlog: int = setting("100000", "Rows that may wait at most; beyond that the doors refuse.", help_zh="允许排队的最大行数")
    hops: int = setting(
        "8",
        "Writes of our own that may follow from each other; beyond that the event is held. 0: no limit.",
        help_zh="我们自己的写入相互引发的最大次数，超过则暂存事件；0 表示不限",
    )
    writes: int = setting(
        "300",
        "Writes that one bridge may make for one entity in ten minutes; beyond that they are held. 0: no limit.",
        help_zh="一个规则十分钟内为同一实体写入的最大次数，超过则暂存；0 表示不限",
    )
    live_days: int = setting(
        "7", "Days that what has ended stays at hand before it is archived.", help_zh="已完成数据在线保留天数，之后归档"
    )
    archive_days: int = setting("90", "Days that the archive is kept.", help_zh="归档保留天数")
    dedupe_days: int = setting(
        "400",
        "Days that a sender's id is remembered, so that it is known when it comes again.",
        help_zh="发送方编号的去重记忆天数",
    )
    time_zone: str = setting("Asia/Shanghai", "Zone for times shown to people.", help_zh="显示时间所用的时区")

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Read every setting, or raise one SettingsError that names every fault and every place looked at."""
        env = os.environ if env is None else env
        faults: list[str] = []
        values: dict[str, Any] = {}
        for one in fields(cls):
            name = PREFIX + one.name.upper()
            text = env.get(name, one.metadata["default"])
            try:
                values[one.name] = int(text) if one.type in ("int", int) else text
            except ValueError:
                faults.append(f"{name}={text!r} is not a whole number")
        known = {PREFIX + one.name.upper() for one in fields(cls)}
        faults += [
            f"{name} is not a setting" for name in sorted(env) if name.startswith(PREFIX) and name not in known | _NOT_OURS
        ]
        if not faults:
            faults += [*_faults(values), *_trace_faults(values["traces"], env)]
        if faults:
            raise SettingsError(
                "Tieline cannot start with these settings.",
                why="; ".join(faults) + ".",
                fix=f"Set them in the environment. Known: {', '.join(sorted(known))}.",
                faults=faults,
            )
        values["database_url"] = values["database_url"] or f"sqlite:///{Path(values['home']).resolve() / 'tieline.db'}"
        values["kinds_folder"] = values["kinds_folder"] or str(Path(values["home"]).resolve() / "kinds")
        values["public_url"] = (values["public_url"] or f"http://{values['host']}:{values['port']}").rstrip("/")
        return cls(**values)

    @property
    def folder(self) -> Path:
        """The home folder as an absolute path."""
        return Path(self.home).resolve()

    @property
    def embedded(self) -> bool:
        """Say whether the bell is our own (no broker installed)."""
        return not self.broker_url

    def as_rows(self) -> list[tuple[str, str, str]]:
        """Return (variable, value, help) for people; a password inside a URL is masked."""
        rows = []
        for one in fields(self):
            value = str(getattr(self, one.name))
            if "://" in value and "@" in value:
                from sqlalchemy import make_url  # loaded only to show them: a supervisor stays small

                value = make_url(value).render_as_string(hide_password=True)
            rows.append((PREFIX + one.name.upper(), value, str(one.metadata["help"])))
        return rows


_NOT_OURS = {"TIELINE_NO_SKIP"}
"""Variables with our prefix that the test suite reads; not settings of the product."""


def _faults(values: dict[str, Any]) -> list[str]:
    faults = []
    if not 1 <= values["port"] <= 65535:
        faults.append(f"TIELINE_PORT={values['port']} is not a port (1-65535)")
    if values["language"] not in ("en", "zh"):
        faults.append(f"TIELINE_LANGUAGE={values['language']!r} is not one of en, zh")
    if values["log_level"] not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        faults.append(f"TIELINE_LOG_LEVEL={values['log_level']!r} is not one of DEBUG, INFO, WARNING, ERROR")
    if not 0 <= values["live_days"] <= values["archive_days"] <= values["dedupe_days"]:
        faults.append("TIELINE_LIVE_DAYS <= TIELINE_ARCHIVE_DAYS <= TIELINE_DEDUPE_DAYS does not hold (none below 0)")
    if values["log_format"] not in ("text", "json"):
        faults.append(f"TIELINE_LOG_FORMAT={values['log_format']!r} is not one of text, json")
    if values["lag_s"] < 1 or values["backlog"] < 1:
        faults.append("TIELINE_LAG_S and TIELINE_BACKLOG must be at least 1")
    if values["hops"] < 0 or values["writes"] < 0:
        faults.append("TIELINE_HOPS and TIELINE_WRITES cannot be below 0")
    if values["lease_s"] < 2:
        faults.append("TIELINE_LEASE_S must be at least 2")
    return faults


def _trace_faults(where: str, env: Mapping[str, str]) -> list[str]:
    """Name what is wrong with where traces go; OTEL_… variables are read by OpenTelemetry, and only when they are on."""
    if not where:
        return []
    faults = [
        f"{name}={env[name]!r} is not spoken here: collectors are sent http/protobuf (their port 4318)"
        for name in ("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
        if env.get(name, "") not in ("", "http/protobuf")
    ]
    if where != "otlp" and not where.startswith(("http://", "https://")):
        faults.append(f"TIELINE_TRACES={where!r} is neither otlp nor an address that begins with http:// or https://")
    return faults
