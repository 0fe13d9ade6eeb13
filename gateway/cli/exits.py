"""
What the end of a command means to a script; docs/reference/cli.md lists the same numbers, held by a test.

The numbers follow the families of errors: who has to move next decides.
"""

from __future__ import annotations

from core.errors import TielineError

OK = 0
PROBLEM = 1
USAGE = 2
REFUSED = 3
SETUP = 4
TRANSIENT = 5
BROKEN = 70
STOPPED = 130

MEANING: dict[int, tuple[str, str]] = {
    OK: ("it was done, or all is well", "已完成，或一切正常"),
    PROBLEM: ("it was looked at, and a problem was found", "检查完成，发现问题"),
    USAGE: ("the command was not understood", "命令用法错误"),
    REFUSED: (
        "what was asked is refused: not there, not possible, or the other system said no",
        "请求被拒绝：不存在、不可行或被对方系统拒绝",
    ),
    SETUP: ("a setting, secret or definition must be changed first", "需要先修改设置、密钥或定义"),
    TRANSIENT: ("something did not answer: the same command may work later", "暂时没有响应，稍后重试同一命令"),
    BROKEN: ("a fault of Tieline itself", "Tieline 自身的缺陷"),
    STOPPED: ("it was stopped from the keyboard", "被键盘中断"),
}

_BY_FAMILY = {"input": REFUSED, "refused": REFUSED, "setup": SETUP, "transient": TRANSIENT}


def code_of(error: TielineError) -> int:
    """
    Return the exit code of an error: its family decides.

    >>> from core.errors import UnreachableError
    >>> code_of(UnreachableError("Zabbix is away.", why="No route."))
    5
    """
    return _BY_FAMILY[error.family]
