"""Steps that hide: hash and mask. Neither can be undone, and a hash without a salt can be guessed."""

from __future__ import annotations

import hashlib
import hmac

from core.words import Json
from mappings.translate.numbers import string
from mappings.translate.step import Lens, Step, StepDefinitionError, World, options, text

LONGEST = 64


def _hash(argument: Json, world: World) -> Lens:
    wanted = options("hash", argument, {"salt": (str,), "length": (int,)})
    salt, length = wanted.get("salt", "").encode(), wanted.get("length", LONGEST)
    if not 8 <= length <= LONGEST:
        raise StepDefinitionError(f"`length` of the step hash is 8 to {LONGEST} hexadecimal digits")

    def run(value: Json) -> Json:
        return hmac.new(salt, string(value).encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:length]

    return Lens(run, None, "a hash cannot be undone")


def _mask(argument: Json, world: World) -> Lens:
    wanted = options("mask", argument, {"first": (int,), "last": (int,), "with": (str,)})
    first, last, sign = wanted.get("first", 0), wanted.get("last", 0), wanted.get("with", "*")
    if first < 0 or last < 0 or len(sign) != 1:
        raise StepDefinitionError(
            "the step mask takes `first` and `last` (how many characters stay) and `with` (one character)"
        )

    def run(value: Json) -> Json:
        """Hide the middle; a text that is too short to have one is hidden whole."""
        words = text(value, "mask")
        hidden = len(words) - first - last
        if hidden <= 0:
            return sign * len(words)
        return words[:first] + sign * hidden + words[len(words) - last :]

    return Lens(run, None, "what is hidden is not known any more")


STEPS = (
    Step(
        "hash",
        "Replace by a keyed SHA-256 (HMAC): equal values stay equal. Give a `salt`: without one, phone numbers can be guessed.",
        "替换为带盐的 SHA-256(HMAC):相同的值仍相同。请给出 salt:否则电话号码可被猜出。",
        _hash,
        "13800138000",
        "f4ec25d53c76488a",
        {"salt": "plant-7", "length": 16},
        group="hide",
    ),
    Step(
        "mask",
        "Hide all but the first and last characters.",
        "仅保留首尾字符,其余隐藏。",
        _mask,
        "13800138000",
        "138****8000",
        {"first": 3, "last": 4},
        group="hide",
    ),
)
