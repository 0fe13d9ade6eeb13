"""How an expression can fail: at save (with its place), or later (with the reason)."""

from __future__ import annotations

from core.definitions import Problem
from core.errors import SetupError


class ExpressionError(SetupError):
    """An expression gave no usable value: a division by zero, text where a number was declared, too many steps."""

    code = "expression"
    title, title_zh = "An expression cannot be evaluated", "表达式无法求值"


class NoValueError(ExpressionError):
    """The formula reads a field that has no value, so it has none either; ``facts['field']`` names it."""

    code = "expression-no-value"
    title, title_zh = "A formula reads a field without a value", "公式所读取的字段没有值"


class InvalidExpressionError(ExpressionError):
    """An expression that cannot be saved; ``line`` and ``column`` count from 1 inside its text."""

    code = "expression-invalid"
    title, title_zh = "The expression is not valid", "表达式无效"

    def __init__(self, what: str, *, why: str, fix: str, line: int = 1, column: int = 1) -> None:
        super().__init__(what, why=why, fix=fix, line=line, column=column)
        self.line, self.column = line, column

    def problem(self, path: str) -> Problem:
        """Return it as a problem of the definition that holds the expression at ``path``."""
        return Problem(path, f"{self.what} {self.why} (line {self.line}, column {self.column})", self.fix)
