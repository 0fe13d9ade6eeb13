"""
The compiled form of an expression (``cel.expr.CheckedExpr``) as a tree that can be read and written.

Only as much of the protobuf wire format as that message uses; ``encode(decode(x)) == x``.
"""

from __future__ import annotations

from dataclasses import dataclass

_PARTS: dict[str, dict[int, str]] = {
    "Any": {2: "Checked"},
    "Checked": {2: "Refer", 3: "Typed", 4: "Expr", 5: "Source"},
    "Refer": {2: "Reference"},
    "Reference": {},
    "Typed": {2: "Type"},
    "Type": {},
    "Source": {4: "Position"},
    "Position": {},
    "Expr": {3: "Const", 4: "Ident", 5: "Select", 6: "Call", 7: "List", 8: "Struct", 9: "Comprehension"},
    "Const": {},
    "Ident": {},
    "Select": {1: "Expr"},
    "Call": {1: "Expr", 3: "Expr"},
    "List": {1: "Expr"},
    "Struct": {2: "Entry"},
    "Entry": {3: "Expr", 4: "Expr"},
    "Comprehension": {2: "Expr", 4: "Expr", 5: "Expr", 6: "Expr", 7: "Expr"},
    "AnyParsed": {2: "Parsed"},
    "Parsed": {2: "Expr", 3: "Source"},
}


@dataclass(slots=True)
class Message:
    """One message: its type's name and its fields in order (number, wire type, value)."""

    name: str
    fields: list[tuple[int, int, Message | bytes | int]]

    def part(self, number: int) -> Message | None:
        """Return the first sub-message in a field."""
        return next(iter(self.parts(number)), None)

    def parts(self, number: int) -> list[Message]:
        """Return every sub-message in a field."""
        return [value for n, _, value in self.fields if n == number and isinstance(value, Message)]

    def text(self, number: int) -> str:
        """Return a text field, empty when absent."""
        return next((v.decode() for n, _, v in self.fields if n == number and isinstance(v, bytes)), "")

    def number(self, number: int) -> int:
        """Return an integer field, 0 when absent."""
        return next((v for n, _, v in self.fields if n == number and isinstance(v, int)), 0)

    def has(self, number: int) -> bool:
        """Say whether a field is there at all."""
        return any(n == number for n, _, _ in self.fields)

    def put(self, number: int, text: str) -> None:
        """Replace a text field."""
        self.fields = [(n, w, text.encode() if n == number else v) for n, w, v in self.fields]


def decode(raw: bytes, name: str) -> Message:
    """Read a message of the named type."""
    parts, fields, at = _PARTS[name], [], 0
    value: Message | bytes | int
    while at < len(raw):
        key, at = _varint(raw, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(raw, at)
        else:
            size = 8 if wire == 1 else 4
            if wire == 2:
                size, at = _varint(raw, at)
            body, at = raw[at : at + size], at + size
            value = decode(body, parts[number]) if wire == 2 and number in parts else body
        fields.append((number, wire, value))
    return Message(name, fields)


def encode(message: Message) -> bytes:
    """Write a message back."""
    out = bytearray()
    for number, wire, value in message.fields:
        out += _packed(number << 3 | wire)
        if isinstance(value, int):
            out += _packed(value)
        else:
            body = encode(value) if isinstance(value, Message) else value
            out += (_packed(len(body)) if wire == 2 else b"") + body
    return bytes(out)


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        byte = raw[at]
        at += 1
        result |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return result, at


def _packed(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)
