"""Steps on lists, and into objects."""

from __future__ import annotations

from core import jsons
from core.words import Json
from mappings.translate.expressions import Expression
from mappings.translate.getter import compile_getter
from mappings.translate.numbers import string
from mappings.translate.paths import MISSING, PathError, read_path
from mappings.translate.step import (
    Lens,
    Looked,
    Made,
    Step,
    StepDefinitionError,
    StepError,
    Vanished,
    World,
    bare,
    kind_of,
    listed,
    text,
)
from mappings.translate.undo import held, undo


def _join(argument: Json, world: World) -> Lens:
    if not isinstance(argument, str):
        raise StepDefinitionError('the step join takes the text between the parts: {join: ", "}')

    def back(value: Json, theirs: Json) -> Json:
        if not argument:
            raise StepError("Parts that were joined with nothing between cannot be told apart.", "Set reverse to never.")
        return text(value, "join").split(argument)

    return Lens(lambda value: argument.join(string(part) for part in listed(value, "join")), back)


def _first(value: Json) -> Json:
    if not listed(value, "first"):
        raise Vanished
    return value[0]


def _last(value: Json) -> Json:
    if not listed(value, "last"):
        raise Vanished
    return value[-1]


def _first_back(value: Json, theirs: Json) -> Json:
    return [value, *theirs[1:]] if theirs.__class__ is list else [value]


def _last_back(value: Json, theirs: Json) -> Json:
    return [*theirs[:-1], value] if theirs.__class__ is list else [value]


def _flatten(value: Json) -> Json:
    return [one for part in listed(value, "flatten") for one in (part if part.__class__ is list else (part,))]


def _dedupe(value: Json) -> Json:
    return list({jsons.canonical(one): one for one in listed(value, "dedupe")}.values())


def _made(argument: Json, world: World) -> list[Made]:
    """Return the steps inside a step."""
    written = argument if isinstance(argument, list) else [argument]
    if not written:
        raise StepDefinitionError("the step map takes a step or a list of steps: {map: [trim, upper]}")
    assert world.make is not None, "make_step gives itself"
    return [world.make(one, world) for one in written]


def _map(argument: Json, world: World) -> Lens:
    steps = _made(argument, world)

    def run(value: Json, seen: list[Looked]) -> Json:
        """Run the steps on each; what vanishes is left out."""
        found = []
        for n, one in enumerate(listed(value, "map")):
            try:
                for step in steps:
                    one = step.run(one, seen)
            except StepError as error:
                error.args = (f"Item {n}: {error.why}",)
                error.why = error.args[0]
                raise
            except Vanished:
                continue
            found.append(one)
        return found

    def back(value: Json, theirs: Json) -> Json:
        """Undo each, beside the item that stood at its place."""
        old = theirs if theirs.__class__ is list else []
        return [
            undo(steps, one, held(steps, old[n] if n < len(old) else MISSING)) for n, one in enumerate(listed(value, "map"))
        ]

    one_way = next((step.lens.one_way or f"{step.name} cannot be undone" for step in steps if step.lens.back is None), "")
    return Lens(run, None if one_way else back, one_way, told=True, about=steps)


def _filter(argument: Json, world: World) -> Lens:
    if not isinstance(argument, str):
        raise StepDefinitionError("the step filter takes a condition over value: {filter: 'value.tag == \"site\"'}")
    holds = Expression(argument, "filter", truth=True)
    return Lens(
        lambda value: [one for one in listed(value, "filter") if holds(one)],
        None,
        "what was filtered out is not there any more",
    )


def _get(argument: Json, world: World) -> Lens:
    if not isinstance(argument, str):
        raise StepDefinitionError("the step get takes a path: {get: $.name}")
    try:
        path = read_path(argument)
    except PathError as error:
        raise StepDefinitionError(f"the path cannot be read: {error}") from error
    read = compile_getter([path])

    def run(value: Json) -> Json:
        if value.__class__ not in (dict, list):
            raise StepError(f"The step get takes an object or a list, and this is {kind_of(value)}.", "Remove the step get.")
        (found,) = read(value)
        if found is MISSING:
            raise Vanished
        return found

    def back(value: Json, theirs: Json) -> Json:
        keys = path.parts
        assert keys is not None, "only plain paths are undone"
        return _put(theirs, keys, value)

    plain = path.parts is not None and all(isinstance(part, str) for part in path.parts)
    several = "a path that may match several places cannot be written to"
    return Lens(run, back if plain else None, "" if plain else several, about=path.parts)


def _put(node: Json, keys: tuple[Json, ...], value: Json) -> Json:
    """Return an object with a value set deep inside; the rest is the source's own."""
    if not keys:
        return value
    held = node if node.__class__ is dict else {}
    return {**held, keys[0]: _put(held.get(keys[0]), keys[1:], value)}


_ONE_WAY = "what is not there any more cannot be put back"
STEPS = (
    Step(
        "join",
        "Join a list of texts and numbers to one text.",
        "将列表连接为一个文本。",
        _join,
        ["a", 1],
        "a, 1",
        ", ",
        takes_list=True,
        group="list",
    ),
    Step(
        "first",
        "Take the first of a list; of an empty list nothing.",
        "取列表中的第一个;空列表视为缺失。",
        bare("first", _first, _first_back),
        ["SEAL-80", "OIL"],
        "SEAL-80",
        takes_list=True,
        group="list",
    ),
    Step(
        "last",
        "Take the last of a list; of an empty list nothing.",
        "取列表中的最后一个;空列表视为缺失。",
        bare("last", _last, _last_back),
        ["SEAL-80", "OIL"],
        "OIL",
        takes_list=True,
        group="list",
    ),
    Step(
        "map",
        "Run a step, or several, on each item; an item that is missing after that is left out.",
        "对每一项执行一个或多个步骤;之后缺失的项被略去。",
        _map,
        [" a ", "b"],
        ["A", "B"],
        ["trim", "upper"],
        takes_list=True,
        group="list",
    ),
    Step(
        "filter",
        "Keep the items for which a CEL condition over `value` holds.",
        "保留满足 CEL 条件(以 value 表示该项)的项。",
        _filter,
        [{"tag": "site", "v": 1}, {"tag": "part", "v": 2}],
        [{"tag": "site", "v": 1}],
        'value.tag == "site"',
        takes_list=True,
        group="list",
    ),
    Step(
        "flatten",
        "Lists inside the list become part of it.",
        "将内层列表展开一层。",
        bare("flatten", _flatten, None, "which items stood together is not known any more"),
        [["a"], ["b", "c"], "d"],
        ["a", "b", "c", "d"],
        takes_list=True,
        group="list",
    ),
    Step(
        "dedupe",
        "Of equal items keep the first.",
        "相同的项只保留第一个。",
        bare("dedupe", _dedupe, None, _ONE_WAY),
        ["a", "b", "a"],
        ["a", "b"],
        takes_list=True,
        group="list",
    ),
    Step(
        "get",
        "Read a path inside an object or a list; for each item of a list use it in map.",
        "读取对象或列表内的路径;对列表的每一项可放在 map 中使用。",
        _get,
        {"name": "press-07"},
        "press-07",
        "$.name",
        group="list",
    ),
)
