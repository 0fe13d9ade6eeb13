"""A draft as YAML: every field with its confidence and reason above it, what was not found and the ids' shape below."""

from __future__ import annotations

from core import jsons
from core.words import Json
from mappings.drafting.draft import Draft

_SURE = 0.75


def written(made: Draft, language: str = "en") -> str:
    """Return the document; it can be published as it is, and read by a person first."""
    zh = language == "zh"
    spec, source = made.spec, made.spec["from"]
    head = (
        f"# 依据 {source['kind']}/{source['stream']} 的 {made.records} 条记录起草；标有 ? 的行请逐一核对。"
        if zh
        else f"# Drafted from {made.records} records of {source['kind']}/{source['stream']}; look at the lines with a ? first."
    )
    lines = [head, "kind: mapping", f"name: {spec['name']}", f"from: {_flow(source)}", f"to: {spec['to']}"]
    lines.append("fields:" if made.proposals else "fields: {}")
    for one in made.proposals:
        mark = "" if one.confidence >= _SURE else "? "
        lines.append(f"  # {mark}{one.confidence:.2f} {_comment(one.zh if zh else one.en)}")
        lines.append(f"  {one.field}: {_flow(one.mapped)}")
    if made.left:
        lines.append("# 未提出：" if zh else "# Not proposed:")
        lines += [f"#   {one.field}: {_comment(one.zh if zh else one.en)}" for one in made.left]
    if made.unused:
        lines.append(("# 未使用：" if zh else "# Not used: ") + _comment(", ".join(made.unused[:40])))
    if made.shape is not None:
        said = made.shape.zh if zh else made.shape.en
        label = "编号形式" if zh else "Shape of the ids"
        lines.append(
            f"# {label}: {made.shape.pattern} ({made.shape.normaliser}; {made.shape.confidence:.2f}, {_comment(said)})"
        )
    return "\n".join(lines) + "\n"


def _flow(value: Json) -> str:
    """Return a value as one line of YAML; every text is in quotes as JSON writes them, so that none is misread."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(one) for one in value) + "]"
    if isinstance(value, str) and value.isascii() and value.replace("_", "").isalpha() and value not in _READ_OTHERWISE:
        return value
    return jsons.dumps(value)


_READ_OTHERWISE = ("null", "true", "false", "True", "False")


def _key(key: str) -> str:
    return key if key.isascii() and key.replace("_", "").isalpha() and key not in _READ_OTHERWISE else jsons.dumps(key)


def _comment(text: str) -> str:
    return " ".join(text.split())
