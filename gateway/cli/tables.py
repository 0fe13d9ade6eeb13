"""Tables and marks that people can read, in their language."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from gateway.cli.speech import word

HEADS: dict[str, str] = {
    "Act": "动作",
    "After": "之后",
    "Asked": "请求时间",
    "Assignee": "负责人",
    "At": "时间",
    "Attempts": "次数",
    "Author": "作者",
    "Before": "之前",
    "Bridge": "桥接规则",
    "By": "操作人",
    "Cases": "用例数",
    "Changed": "变化",
    "Check": "检查项",
    "Code": "代码",
    "Compared as": "比较方式",
    "Connector": "连接器",
    "Coverage": "覆盖率",
    "Created": "创建时间",
    "Decision": "判定",
    "Definition": "定义",
    "Detail": "详情",
    "Done": "已执行",
    "Door": "推送地址",
    "Entity": "实体",
    "Events": "事件数",
    "Evidence": "验证程度",
    "Expires": "到期",
    "External id": "外部编号",
    "Facet": "方面",
    "Field": "字段",
    "First seen": "首次出现",
    "Fix": "处理",
    "Form": "形式",
    "Found": "已收录",
    "From": "来源",
    "Given to": "原属",
    "Help": "说明",
    "Id": "编号",
    "Joined": "关联数",
    "Kind": "类型",
    "Known as": "称为",
    "Lacking": "缺少的词数",
    "Last seen": "最后出现",
    "Last used": "上次使用",
    "Level": "级别",
    "Master ID": "主标识",
    "Mode": "契约模式",
    "Name": "名称",
    "Needed": "必需",
    "Nulls": "空值率",
    "Opened": "建立时间",
    "Origin": "来源方式",
    "Other": "另一主标识",
    "Others": "其他来源",
    "Pack": "定义包",
    "Path": "路径",
    "Points": "分值",
    "Policy": "策略",
    "Precision": "精确率",
    "Prefix": "前缀",
    "Problem": "问题",
    "Published": "发布时间",
    "Raw": "原始值",
    "Reason": "原因",
    "Recall": "召回率",
    "Receipt": "回执",
    "Received": "接收时间",
    "Recipe": "配方",
    "Revoked": "吊销时间",
    "Rows": "行数",
    "Scopes": "权限",
    "Secret": "密钥",
    "Seen": "次数",
    "Seen as": "比较结果",
    "Setting": "设置",
    "Shape": "格式",
    "Share": "出现率",
    "Size": "字节",
    "Source": "来源",
    "State": "状态",
    "Status": "状态",
    "Step": "步骤",
    "Steps": "步骤",
    "Stream": "数据流",
    "Subject": "对象",
    "Surely": "精确率下限",
    "Target": "目标",
    "Ticket": "工单",
    "Title": "名称",
    "Type": "种类",
    "Types": "类型",
    "Undone by": "撤销人",
    "Unknown": "未收录",
    "Value": "值",
    "Verdict": "判断",
    "Version": "版本",
    "Way": "方向",
    "What": "项目",
    "Why": "原因",
    "Word": "词",
}
"""Every heading, and what it is in Chinese; a test holds that no table has another."""

_COLOURS = {
    "done": "green",
    "ok": "green",
    "fired": "green",
    "frozen": "green",
    "waiting": "yellow",
    "stale": "yellow",
    "late": "yellow",
    "held": "magenta",
    "draft": "yellow",
    "denied": "magenta",
    "skipped": "dim",
    "not_matched": "dim",
    "absent": "dim",
    "dead": "bold red",
    "error": "bold red",
    "failed": "bold red",
}


_WHOLE = {
    "At",
    "Asked",
    "Created",
    "Id",
    "Master ID",
    "Opened",
    "Other",
    "Prefix",
    "Receipt",
    "Received",
    "State",
    "Status",
    "Type",
}
"""Columns that are copied, or are worth nothing in parts: never broken over lines."""

_LEAST = 24
"""Narrower than this a column of text cannot be read."""


def head(english: str) -> str:
    """Return a heading in the reader's language."""
    return word(english, HEADS[english])


def show_table(
    console: Console, heads: Sequence[str], rows: Iterable[Sequence[Any]], *, nothing: tuple[str, str] = ("Nothing.", "无。")
) -> None:
    """Show a table; of nothing, say so."""
    listed = list(rows)
    if not listed:
        console.print(word(*nothing))
        return
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for one in heads:
        table.add_column(head(one), overflow="fold", no_wrap=one in _WHOLE)
    cells = [[cell(one) for one in row] for row in listed]
    for row in cells:
        table.add_row(*row)
    if console.width < _narrowest(heads, cells):
        _stack(console, heads, cells)
        return
    console.print(table, soft_wrap=False)


def _narrowest(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> int:
    """Return how many columns a table needs so that no id is cut and no column is lost."""
    total = 2 * (len(heads) - 1)
    for place, one in enumerate(heads):
        widest = max(
            cell_len(Text.from_markup(text, emoji=False).plain) for text in (head(one), *(row[place] for row in cells))
        )
        total += widest if one in _WHOLE else min(widest, _LEAST)
    return total


def _stack(console: Console, heads: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    """Show the rows one below the other, a line per value: for a terminal too narrow for the table."""
    widest = max(cell_len(head(one)) for one in heads)
    for row in cells:
        lead = "• "
        for one, text in zip(heads, row, strict=True):
            if text:
                name = head(one)
                console.print(f"{lead}[bold]{name}[/]{' ' * (widest - cell_len(name))}  {text}", soft_wrap=True)
                lead = "  "


def cell(value: Any) -> str:
    """Return a cell: states are coloured, claims are marks, nothing is nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return mark(value)
    text = str(value)
    colour = _COLOURS.get(text)
    return f"[{colour}]{escape(text)}[/]" if colour else escape(text)


def brief(text: str | None, longest: int = 120) -> str:
    """
    Return the beginning of a long reason; ``explain`` says the whole.

    >>> brief("a reason", 6)
    'a rea…'
    """
    return "" if text is None else text if len(text) <= longest else text[: longest - 1] + "…"


def mark(holds: bool) -> str:
    """Return a tick or a cross."""
    return "[green]✓[/]" if holds else "[bold red]✗[/]"


def more(console: Console, cursor: str | None) -> None:
    """Say how to see the next page."""
    if cursor:
        console.print(word(f"More: --cursor {cursor}", f"更多：--cursor {cursor}"), style="dim")
