"""Files stay short enough to be read in one go, and names say what a thing is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from tests.house.tree import name, python_files, room_files

LONGEST_FILE = 400
MEDIAN_FILE = 150
LONGEST_FUNCTION = 60
MOST_PARAMETERS = 8
FORBIDDEN = {
    "utils",
    "util",
    "helper",
    "helpers",
    "manager",
    "service",
    "base",
    "common",
    "data",
    "info",
    "process",
    "do",
    "misc",
}


def lines_of(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_no_file_is_longer_than_a_person_reads() -> None:
    """400 lines is the end for any Python file; there is no list of exceptions."""
    long = {name(path): n for path in python_files() if (n := lines_of(path)) > LONGEST_FILE}
    assert not long, f"longer than {LONGEST_FILE} lines: {long}"


def test_the_median_file_is_short() -> None:
    """Half of the product's files have less than 150 lines."""
    assert median(lines_of(path) for path in room_files()) < MEDIAN_FILE


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def too_long(source: str) -> list[str]:
    """Return the functions whose body (docstring apart) is longer than the limit."""
    found = []
    for node in functions(ast.parse(source)):
        body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
        length = (body[-1].end_lineno or 0) - body[0].lineno + 1
        if length > LONGEST_FUNCTION:
            found.append(f"{node.name} ({length} lines)")
    return found


def test_no_function_is_longer_than_a_screen() -> None:
    """A function of the product ends after 60 lines at most; most end after 40. A migration is a list, not a function."""
    judged = [path for path in room_files() if "versions" not in path.parts]
    long = {name(path): found for path in judged if (found := too_long(path.read_text()))}
    assert not long, f"functions longer than {LONGEST_FUNCTION} lines: {long}"


def bad_names(source: str) -> list[str]:
    """Return the modules' functions, classes and methods whose name contains a word that says nothing."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", node.name).lower().split("_")
            said_by_others = node.name.startswith(("process_bind", "process_result"))  # SQLAlchemy's names
            if FORBIDDEN & set(words) and not said_by_others:
                found.append(f"{node.name} (line {node.lineno})")
    return found


def test_names_say_something() -> None:
    """No module, class or function is called utils, helper, manager, service, base, common, data, info, process or do."""
    modules = [name(path) for path in room_files() if FORBIDDEN & set(path.stem.split("_"))]
    folders = {name(path) for path in room_files() if FORBIDDEN & set(path.parent.name.split("_"))}
    inside = {name(path): found for path in room_files() if (found := bad_names(path.read_text()))}
    assert (modules, folders, inside) == ([], set(), {})


@pytest.mark.parametrize("sample", ["class DataManager: ...", "def do_it(): ...", "class A:\n    def getInfo(self): ..."])
def test_a_bad_name_is_found(sample: str) -> None:
    """The check itself sees words inside camel case and snake case."""
    assert bad_names(sample)


def test_a_long_function_is_found() -> None:
    """The check counts the body, not the docstring."""
    body = "\n".join("    x = 1" for _ in range(LONGEST_FUNCTION + 1))
    assert too_long(f"def f():\n    '''law'''\n{body}")
    assert not too_long("def f():\n    '''" + "\n" * 100 + "    '''\n    return 1")


def test_parameters_are_few() -> None:
    """More than eight parameters by position are a dataclass that nobody has named yet; named options may be more."""
    found = {}
    for path in room_files():
        for node in functions(ast.parse(path.read_text())):
            count = len(node.args.args) + len(node.args.posonlyargs)
            count -= bool(node.args.args and node.args.args[0].arg in ("self", "cls"))
            if count > MOST_PARAMETERS:
                found[f"{name(path)}:{node.lineno} {node.name}"] = count
    assert not found, found
