"""What an answer must look like: conditions over status and body, compiled; all that stand in one must hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from connectors.kit.declared.paths import PathSyntaxError, path
from core.words import Json

Test = Callable[[int, Json, str], bool]
"""A compiled condition: status, decoded body, body as text."""

Plain = str | int | float | bool | None


class Part(BaseModel):
    """The base of every part of a manifest: unknown words are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _readable(text: Any) -> Any:
    if isinstance(text, str):
        try:
            path(text)
        except PathSyntaxError as error:
            raise ValueError(str(error)) from None
    return text


PathText = Annotated[str, BeforeValidator(_readable), Field(description="a path into the answer: a.b[0].c, items[*].id, $")]


class Condition(Part):
    """
    One condition. ``status`` tests the HTTP status, ``body`` and ``body_has`` the body as text, the others what the
    path leads to. Several in one object must all hold.
    """

    status: int | list[int] | None = Field(default=None, description="the HTTP status, or several")
    body: str | None = Field(default=None, description="the whole body, as text")
    body_has: str | None = Field(default=None, description="the body holds these words")
    at: PathText | None = Field(default=None, description="what the others look at")
    equals: Plain = Field(default=None, description="it is exactly this")
    one_of: list[Plain] | None = Field(default=None, description="it is one of these")
    text_one_of: list[str] | None = Field(default=None, description="written as text it is one of these")
    has: str | None = Field(default=None, description="it is a text that holds these words, in any case")
    is_: Literal["present", "absent", "empty", "filled", "true", "false", "list", "object", "text"] | None = Field(
        None, alias="is", description="what sort of thing it is"
    )

    @model_validator(mode="after")
    def _says_something(self) -> Condition:
        looks = {"equals", "one_of", "text_one_of", "has", "is_"} & self.model_fields_set
        if self.at is None and looks:
            raise ValueError("say with `at` what is looked at")
        if self.at is not None and not looks:
            raise ValueError("say with `is`, `equals`, `one_of`, `text_one_of` or `has` what it must be")
        if not self.model_fields_set:
            raise ValueError("a condition that asks nothing would always hold")
        return self

    @property
    def reads_text(self) -> bool:
        """Say whether the body is needed as text."""
        return self.body is not None or self.body_has is not None

    def compiled(self) -> Test:
        """Return the condition as one function."""
        tests = [*self._of_answer(), *self._of_value()]
        if len(tests) == 1:
            return tests[0]
        return lambda status, body, text: all(test(status, body, text) for test in tests)

    def _of_answer(self) -> list[Test]:
        tests: list[Test] = []
        if self.status is not None:
            wanted = frozenset(self.status if isinstance(self.status, list) else [self.status])
            tests.append(lambda status, _body, _text: status in wanted)
        if self.body is not None:
            whole = self.body
            tests.append(lambda _status, _body, text: text.strip() == whole)
        if self.body_has is not None:
            words = self.body_has.casefold()
            tests.append(lambda _status, _body, text: words in text.casefold())
        return tests

    def _of_value(self) -> list[Test]:
        if self.at is None:
            return []
        get, checks = path(self.at), _checks(self)
        if len(checks) == 1:
            check = checks[0]
            return [lambda _status, body, _text: check(get(body))]
        return [lambda _status, body, _text: all(check(get(body)) for check in checks)]


def _checks(wish: Condition) -> list[Callable[[Json], bool]]:
    checks: list[Callable[[Json], bool]] = []
    if "equals" in wish.model_fields_set:
        equals = wish.equals
        checks.append(lambda value: _same(value, equals))
    if wish.one_of is not None:
        several = wish.one_of
        checks.append(lambda value: any(_same(value, one) for one in several))
    if wish.text_one_of is not None:
        texts = frozenset(wish.text_one_of)
        checks.append(lambda value: value is not None and str(value) in texts)
    if wish.has is not None:
        words = wish.has.casefold()
        checks.append(lambda value: isinstance(value, str) and words in value.casefold())
    if wish.is_ is not None:
        checks.append(_IS[wish.is_])
    return checks


_IS: dict[str, Callable[[Json], bool]] = {
    "present": lambda value: value is not None,
    "absent": lambda value: value is None,
    "empty": lambda value: (not value and value != 0) or value is False,
    "filled": lambda value: bool(value) or (value == 0 and value is not False),
    "true": lambda value: value is True,
    "false": lambda value: value is False,
    "list": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "text": lambda value: isinstance(value, str),
}


def _same(value: Json, wanted: Json) -> bool:
    return bool(value == wanted) and isinstance(value, bool) == isinstance(wanted, bool)


def every(conditions: list[Condition]) -> Test:
    """Return the test that all of these hold; of none it is true."""
    tests = [one.compiled() for one in conditions]
    if len(tests) == 1:
        return tests[0]
    return lambda status, body, text: all(test(status, body, text) for test in tests)


def some(conditions: list[Condition]) -> Test:
    """Return the test that one of these holds; of none it is false."""
    tests = [one.compiled() for one in conditions]
    return lambda status, body, text: any(test(status, body, text) for test in tests)
