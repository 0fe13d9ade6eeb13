"""Steps on numbers: reading them, exact decimals, units of measure."""

from __future__ import annotations

import decimal
import math
import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING

from core import jsons
from core.definitions import near
from core.words import Json
from mappings.translate.paths import MISSING
from mappings.translate.step import Lens, Step, StepDefinitionError, StepError, World, bare, kind_of, options, text

if TYPE_CHECKING:
    from ucumvert import PintUcumRegistry

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?")
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")
_ROUNDINGS = {"half_even": decimal.ROUND_HALF_EVEN, "half_up": decimal.ROUND_HALF_UP, "down": decimal.ROUND_DOWN}
DIGITS = 12
"""Significant digits of a converted unit: more than any instrument, fewer than a double, so that it can be undone exactly."""
_EXACT = decimal.Context(prec=60)


def _integer(value: Json) -> Json:
    if value.__class__ is int:
        return value
    if value.__class__ is str and _INTEGER.fullmatch(value):
        return int(value)
    if value.__class__ is float and value.is_integer() and abs(value) < 2**63:
        return int(value)
    raise StepError(
        f"{value!r} is not a whole number.", "Correct it at the source, or add the steps trim and nfkc before integer."
    )


def number(value: Json) -> Json:
    """Read a number; only plain digits count, so that full-width ones are a decision of the mapping (nfkc)."""
    if value.__class__ in (int, float):
        return value
    if value.__class__ is str and _NUMBER.fullmatch(value):
        return float(value)
    raise StepError(f"{value!r} is not a number.", "Correct it at the source, or cut the unit off with the step parse.")


def _as_theirs(value: Json, theirs: Json) -> Json:
    """Write a number as the source writes it: as text where it holds text, as wide where it fills up with zeros."""
    if theirs.__class__ is not str:
        return float(value) if theirs.__class__ is float and value.__class__ is int else value
    written = jsons.dumps(value)
    if theirs.startswith("0") and theirs.isdigit() and written.isdigit():
        return written.rjust(len(theirs), "0")
    return written


def _boolean(value: Json) -> Json:
    word = str(value).casefold() if value.__class__ in (str, int, bool) else ""
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    known = ", ".join(_TRUE + _FALSE)
    raise StepError(f"{value!r} is neither true nor false.", f"Known: {known}. Use a table for other words.")


def _boolean_back(value: Json, theirs: Json) -> Json:
    """Write a boolean in the source's own pair of words."""
    if theirs.__class__ is str:
        at = next((n for n in range(3) if theirs.casefold() in (_TRUE[n], _FALSE[n])), 0)
        return (_TRUE if value else _FALSE)[at]
    return int(value) if theirs.__class__ is int and value.__class__ is bool else value


def string(value: Json) -> Json:
    """Write a number or boolean as text."""
    if value.__class__ is str:
        return value
    if value.__class__ is int:
        return str(value)  # also one that is too long for the writer of JSON
    if value.__class__ in (float, bool):
        return jsons.dumps(value)
    raise StepError(
        f"The step string takes text, a number or a boolean, and this is {kind_of(value)}.", "Read a path inside it."
    )


def _string_back(value: Json, theirs: Json) -> Json:
    """Write a text back as the number or boolean that the source holds, if it is one."""
    words = text(value, "string")
    if theirs is MISSING or theirs.__class__ is str:
        return words
    try:
        found = {"true": True, "false": False}[words] if theirs.__class__ is bool else jsons.loads(words)
    except (KeyError, ValueError):
        return words
    return found if found.__class__ in (int, float, bool) and jsons.dumps(found) == words else words


@dataclass(frozen=True, slots=True)
class Decimals:
    """How a source writes its decimal numbers, and how many places ours have."""

    places: int | None = None
    rounding: str = "half_even"
    point: str = "."
    group: str = ""

    @property
    def form(self) -> re.Pattern[str]:
        """What such a number looks like: sign, whole part, places."""
        grouped = f"[0-9]{{1,3}}(?:{re.escape(self.group)}[0-9]{{3}})+|" if self.group else ""
        return re.compile(rf"([+-]?)({grouped}[0-9]{{1,30}})(?:{re.escape(self.point)}([0-9]{{1,18}}))?")

    def read(self, value: Json, form: re.Pattern[str]) -> str:
        """Return the number as text with a point, exactly."""
        said = value
        if value.__class__ is not str:
            said = format(Decimal(repr(number(value))), "f").replace(".", self.point)
        found = form.fullmatch(said)
        if found is None:
            groups = f" and {self.group!r} between groups" if self.group else ""
            why = f"{value!r} is not a decimal number with {self.point!r} as its point{groups}."
            raise StepError(why, "Correct the value, or `point` and `group` of the step decimal.")
        whole = found[2].replace(self.group, "") if self.group else found[2]
        exact = Decimal(f"{found[1]}{whole}.{found[3] or 0}")
        if self.places is not None:
            exact = exact.quantize(Decimal(1).scaleb(-self.places), _ROUNDINGS[self.rounding], _EXACT)
        elif not found[3]:
            exact = exact.to_integral_value()
        return format(exact if exact else exact.copy_abs(), "f")

    def write(self, value: Json, theirs: Json) -> Json:
        """Return it with the source's own point and groups; as a number where the source holds one."""
        found = _DECIMAL.fullmatch(value) if value.__class__ is str else None
        if found is None:
            raise StepError(f"{value!r} is not a decimal number.", "Write digits with a point.")
        if theirs.__class__ in (int, float):
            return float(value) if found[3] else int(value)
        whole = found[2]
        if self.group and theirs.__class__ is str and self.group in theirs:
            whole = f"{int(whole):,}".replace(",", self.group)
        return found[1] + whole + (self.point + found[3] if found[3] else "")


_DECIMAL = re.compile(r"([+-]?)([0-9]{1,40})(?:\.([0-9]{1,18}))?")


def _decimal(argument: Json, world: World) -> Lens:
    known: dict[str, tuple[type, ...]] = {"places": (int,), "rounding": (str,), "point": (str,), "group": (str,)}
    one = Decimals(**options("decimal", argument, known, short="places"))
    if one.rounding not in _ROUNDINGS:
        raise StepDefinitionError(f"there is no rounding {one.rounding!r}; known: {', '.join(_ROUNDINGS)}")
    if len(one.point) != 1 or len(one.group) > 1 or one.point == one.group or not 0 <= (one.places or 0) <= 18:
        raise StepDefinitionError("the step decimal takes `places` (0 to 18), a `point` and another `group` sign")
    form = one.form
    held = Decimals(one.places, one.rounding)
    return Lens(lambda value: one.read(value, form), one.write, normal=lambda value, _: held.read(value, held.form), about=one)


@cache
def _units() -> PintUcumRegistry:
    """Return the registry of units; loaded when the first mapping names one. Fractions: 1 kPa is exactly 1/1000 MPa."""
    from ucumvert import PintUcumRegistry

    return PintUcumRegistry(non_int_type=Fraction)


_USUAL = (
    *("Cel", "[degF]", "K", "kPa", "MPa", "Pa", "bar", "[psi]", "kW.h", "W", "kW", "V", "A", "Hz", "m/s", "km/h", "mm"),
    *("m", "kg", "t", "L", "m3", "L/min", "m3/h", "min", "h", "s", "%", "1", "/min", "N.m"),
)
"""Symbols to guess a misspelt one from."""


@cache
def conversion(source: str, target: str) -> tuple[Fraction, Fraction]:
    """
    Return (factor, offset) between two UCUM units, exactly: target = factor * source + offset.

    >>> conversion("kPa", "MPa")
    (Fraction(1, 1000), Fraction(0, 1))
    >>> conversion("Cel", "[degF]")
    (Fraction(9, 5), Fraction(32, 1))
    """
    units = _units()
    ends = [_unit(source), _unit(target)]
    try:
        zero, one = (units.Quantity(Fraction(n), ends[0]).to(ends[1]).magnitude for n in (0, 1))
    except Exception as error:  # pint's own tree of errors
        raise StepDefinitionError(f"{source} cannot become {target}: they measure different things") from error
    return Fraction(one) - Fraction(zero), Fraction(zero)


def _unit(symbol: str) -> object:
    try:
        return _units().from_ucum(symbol).units
    except Exception as error:  # its grammar's and pint's errors
        guess = near(symbol, _USUAL)
        hint = f" Did you mean {guess!r}?" if guess else ""
        raise StepDefinitionError(f"{symbol!r} is not a unit of UCUM.{hint} Examples: {', '.join(_USUAL[:9])}") from error


def _unit_step(argument: Json, world: World) -> Lens:
    wanted = options("unit", argument, {"from": (str,), "to": (str,)})
    if len(wanted) != 2:
        raise StepDefinitionError('the step unit takes `from` and `to` as UCUM symbols: {unit: {from: "kPa", to: "MPa"}}')
    factor, offset = conversion(wanted["from"], wanted["to"])
    if not factor:
        raise StepDefinitionError(f"{wanted['from']} cannot become {wanted['to']}")

    def run(value: Json) -> Json:
        return _rounded(_fraction(value) * factor + offset)

    def back(value: Json, theirs: Json) -> Json:
        written = _rounded((_fraction(value) - offset) / factor, 15)
        return _as_theirs(written, theirs) if theirs.__class__ is str else written

    return Lens(run, back, normal=lambda value, _: _rounded(_fraction(value)))


def _fraction(value: Json) -> Fraction:
    said = number(value)
    if said.__class__ is float and not math.isfinite(said):
        raise StepError(f"{value!r} is not a number.", "Correct it at the source.")
    return Fraction(str(value) if value.__class__ is str else repr(said))


def _rounded(exact: Fraction, digits: int = DIGITS) -> float | int:
    """Return a number with so many significant digits; whole numbers stay whole."""
    if exact.denominator == 1 and abs(exact.numerator) < 10**digits:
        return exact.numerator
    context = decimal.Context(prec=digits, rounding=decimal.ROUND_HALF_EVEN)
    return float(context.divide(Decimal(exact.numerator), Decimal(exact.denominator)))


STEPS = (
    Step(
        "integer",
        "Read a whole number; 3.0 is one, 3.5 is not.",
        "读取整数;3.0 可以,3.5 不可以。",
        bare("integer", _integer, _as_theirs),
        "4",
        4,
        group="number",
    ),
    Step("number", "Read a number.", "读取数字。", bare("number", number, _as_theirs), "91.3", 91.3, group="number"),
    Step(
        "decimal",
        "Read a decimal number exactly, as text: `places`, `rounding` (half_even, half_up, down), `point`, `group`.",
        "精确读取十进制数(文本):places、rounding(half_even、half_up、down)、point、group。",
        _decimal,
        "1.234,565",
        "1234.56",
        {"places": 2, "point": ",", "group": "."},
        group="number",
    ),
    Step(
        "unit",
        "Convert between units of measure, named by their UCUM symbols; exact, then 12 significant digits.",
        "按 UCUM 符号换算计量单位;精确计算后保留 12 位有效数字。",
        _unit_step,
        72,
        22.2222222222,
        {"from": "[degF]", "to": "Cel"},
        group="number",
    ),
    Step(
        "boolean",
        "Read true/yes/1 and false/no/0.",
        "读取 true/yes/1 与 false/no/0。",
        bare("boolean", _boolean, _boolean_back),
        "1",
        True,
        group="number",
    ),
    Step(
        "string",
        "Write a number or boolean as text.",
        "将数字或布尔值转为文本。",
        bare("string", string, _string_back),
        10560,
        "10560",
        group="number",
    ),
)
