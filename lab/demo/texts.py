"""Every line that the demo prints, in both languages."""

from __future__ import annotations

import os
from collections.abc import Mapping

TEXTS: dict[str, tuple[str, str]] = {
    "address": ("Tieline: {url}   key: {key}", "Tieline：{url}   密钥：{key}"),
    "landscape": (
        "Demo landscape: monitoring {zabbix} · tickets {roundup} · ERP {tryton}",
        "演示系统：监控 {zabbix} · 工单 {roundup} · ERP {tryton}",
    ),
    "starting": ("Starting Tieline (SQLite, web server, workers) …", "正在启动 Tieline（SQLite、网页服务、工作进程）……"),
    "again": ("Going on with the data in {home}.", "沿用 {home} 中的数据。"),
    "registered": ("registered {name} ({kind}): {proven}", "已登记 {name}（{kind}）：{proven}"),
    "kept": ("connector {name} is there already", "连接器 {name} 已存在"),
    "applied": ("published pack {pack}: {said}", "已发布定义包 {pack}：{said}"),
    "story": ("Story 1: an alert becomes a ticket, and is closed again.", "故事一：告警变成工单，再被关闭。"),
    "raised": ("{system} raises a problem: {title}", "{system} 产生问题：{title}"),
    "stored": ("stored, then acknowledged to the sender: receipt {receipt}", "先落库再应答：回执 {receipt}"),
    "known": ("it is alert {alert} on device {device}", "这是设备 {device} 上的告警 {alert}"),
    "decided": ("bridge {bridge} fired: {actions} actions", "桥接 {bridge} 触发：{actions} 个动作"),
    "not_fired": (
        "bridge {bridge} did not fire: {clause} (left {left}, right {right})",
        "桥接 {bridge} 未触发：{clause}（左 {left}，右 {right}）",
    ),
    "acted": (
        "{act} in {connector}: done and read back{result}{note}",
        "在 {connector} 执行 {act}：完成并已回读{result}{note}",
    ),
    "own": ("snapshot taken{result}", "已生成快照{result}"),
    "computed": (
        "its priority {priority} is computed by a formula; where that came from:",
        "优先级 {priority} 由公式计算；其来源：",
    ),
    "waits": ("{act} in {connector} waits: {reason}", "{connector} 的 {act} 在等待：{reason}"),
    "failed": ("{act} in {connector} is {state}: {reason}", "{connector} 的 {act} 为 {state}：{reason}"),
    "facet": ("snapshot, {facet}: {status} {values}", "快照，{facet}：{status} {values}"),
    "resolves": ("the technician (played by this demo) resolves ticket {ticket}", "技术人员（由本演示扮演）解决工单 {ticket}"),
    "closed": ("{system} says the problem is closed", "{system} 显示问题已关闭"),
    "balance": (
        "accepted {accepted} = done {done} + skipped {skipped} + waiting {waiting} + held {held} + dead {dead}",
        "接收 {accepted} = 完成 {done} + 跳过 {skipped} + 等待 {waiting} + 暂存 {held} + 放弃 {dead}",
    ),
    "took": ("The whole story took {seconds} s.", "全程用时 {seconds} 秒。"),
    "gave_up": (
        "This step did not happen within {seconds} s. Look at {link} and at {log}.",
        "此步骤未在 {seconds} 秒内发生。请查看 {link} 和 {log}。",
    ),
    "look": ("look: {link}", "查看：{link}"),
    "next": ("Try next (in another terminal):", "接下来可以试试（另开一个终端）："),
    "stay": (
        "Everything keeps running. Ctrl-C stops it; the data stays in {home}.",
        "全部继续运行。按 Ctrl-C 停止；数据保留在 {home}。",
    ),
    "stopping": ("Stopping …", "正在停止……"),
    "stopped": ("Stopped. `make run` goes on with the same data.", "已停止。再次 `make run` 会沿用这些数据。"),
    "port": ("Port {port} is in use.", "端口 {port} 已被占用。"),
    "port_why": ("Another program listens there, perhaps another `make run`.", "有其他程序在监听，也许是另一个 `make run`。"),
    "port_fix": (
        "Stop it, or choose another: TIELINE_PORT=8470 make run (the demo also uses the three ports after it).",
        "请停止它，或换一个端口：TIELINE_PORT=8470 make run（演示还会使用其后的三个端口）。",
    ),
}


def language(env: Mapping[str, str] | None = None) -> str:
    """
    Return en or zh: TIELINE_LANGUAGE decides, else the terminal's language.

    >>> language({"LANG": "zh_CN.UTF-8"}), language({"TIELINE_LANGUAGE": "en", "LANG": "zh_CN.UTF-8"}), language({})
    ('zh', 'en', 'en')
    """
    env = os.environ if env is None else env
    told = env.get("TIELINE_LANGUAGE") or env.get("LC_ALL") or env.get("LC_MESSAGES") or env.get("LANG") or ""
    return "zh" if told.lower().startswith("zh") else "en"


class Speaker:
    """Prints lines of the story with the seconds since it began."""

    def __init__(self, chosen: str) -> None:
        self.chosen = chosen

    def text(self, name: str, /, **values: object) -> str:
        """Return a line in the reader's language."""
        return TEXTS[name][self.chosen == "zh"].format(**values)

    def say(self, name: str, /, **values: object) -> None:
        """Print a line."""
        print(self.text(name, **values), flush=True)

    def step(self, seconds: float, name: str, link: str = "", /, **values: object) -> None:
        """Print one step of the story as it happens, and where to look at it."""
        print(f"{seconds:6.2f} s  {self.text(name, **values)}", flush=True)
        if link:
            print(f"           {self.text('look', link=link)}", flush=True)
