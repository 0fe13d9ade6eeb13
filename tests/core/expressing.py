"""What the tests of expressions share: typed names, and two short ways to ask."""

from __future__ import annotations

from typing import Any

import pytest

from core.expressions import InvalidExpressionError, compile_condition, compile_formula

TYPES = {
    "alert.title": "string",
    "alert.status": "string",
    "alert.severity": "integer",
    "alert.score": "number",
    "alert.urgent": "boolean",
    "alert.at": "time",
    "alert.tags": "list",
    "alert.extra": "object",
    "alert.device": "ref",
    "device.name": "string",
}


def value(source: str, **values: Any) -> Any:
    """Evaluate a formula; alert__title=… gives alert.title."""
    return compile_formula(source, TYPES).evaluate({name.replace("__", "."): one for name, one in values.items()})


def refusal(source: str, *, exact: bool = False) -> InvalidExpressionError:
    """Return why a condition is refused."""
    with pytest.raises(InvalidExpressionError) as caught:
        compile_condition(source, TYPES, exact)
    return caught.value
