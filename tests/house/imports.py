"""
The two tables of the house: which room may know which room, and which library may be imported where.

Change the table before the code that needs it, and say why in docs/architecture.md.
Imports are read from the syntax tree, so those inside functions and under TYPE_CHECKING count too.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

ROOMS: dict[str, tuple[str, ...]] = {
    "core": (),
    "bell": ("core",),
    "connectors": ("core",),
    "mappings": ("core",),
    "lineage": ("core",),
    "bridges": ("core", "connectors.kit", "mappings"),
    "snapshots": ("core", "connectors.kit", "mappings"),
    "celery_app": ("core", "bell", "bridges", "snapshots", "connectors.registry"),
    "gateway": (
        "core",
        "bell",
        "bridges",
        "snapshots",
        "mappings",
        "lineage",
        "connectors.kit",
        "connectors.registry",
        "celery_app",
    ),
}
"""Room -> what it may import, besides itself. `connectors.kit` is the contract, never a single kind."""

KIND_MAY_USE = ("core", "connectors.kit")
"""A kind (connectors/<kind>/) knows the kit and itself, never another kind."""

CONFORMANCE = tuple(f"connectors.kit.{path.stem}" for path in sorted((ROOT / "connectors" / "kit").glob("law*.py")))
"""The laws that every kind's test inherits: shipped beside the contract, run by pytest, aware of the registry."""

LIBRARIES: dict[str, tuple[str, ...]] = {
    "asyncua": ("connectors.opcua",),
    "alembic": ("core.migrations",),
    "authlib": ("connectors.kit",),
    "cel_expr_python": ("core.expressions",),
    "celery": ("celery_app",),
    "click": ("gateway.cli",),
    "cryptography": ("core.secrets",),
    "flask": ("gateway",),
    "granian": ("gateway",),
    "hypothesis": (*CONFORMANCE, "mappings.reverse"),
    "jinja2": ("gateway",),
    "joserfc": ("connectors.kit",),
    "jsonpath_ng": ("mappings",),
    "kombu": ("bell",),
    "markupsafe": ("gateway",),
    "networkx": ("lineage.graph",),
    "opentelemetry": ("core.traces.otlp",),
    "opencc": ("mappings.translate", "mappings.matching"),
    "openpyxl": ("mappings.interchange",),
    "orjson": ("core", "bell", "connectors", "gateway"),
    "packaging": ("connectors.zabbix",),
    "phonenumbers": ("mappings.matching",),
    "prometheus_client": ("gateway",),
    "paho": ("connectors.mqtt",),
    "psycopg": ("core.database",),
    "pydantic": ("core", "connectors", "mappings", "bridges", "snapshots", "gateway"),
    "pydantic_core": ("core", "connectors", "mappings", "bridges", "snapshots", "gateway"),
    "pymodbus": ("connectors.modbus",),
    "pytest": CONFORMANCE,
    "pypinyin": ("mappings",),
    "pyzabbix": ("connectors.zabbix",),
    "rapidfuzz": ("mappings",),
    "re2": ("core", "mappings"),
    "requests": ("connectors.zabbix",),
    "rich": ("gateway.cli",),
    "sqlalchemy": ("core", "connectors.sql", "mappings", "bridges", "snapshots", "lineage", "gateway", "celery_app"),
    "standardwebhooks": ("connectors.kit",),
    "stdnum": ("mappings",),
    "ucumvert": ("mappings.translate",),
    "urllib3": ("connectors",),
    "uuid_utils": ("core.ids",),
    "werkzeug": ("gateway",),
    "yaml": ("core", "gateway.authoring", "connectors.kit"),
    # of the standard library: whoever opens a socket to somebody else is a connector
    "http.client": ("connectors",),
    "urllib.request": ("connectors",),
    "ftplib": ("connectors",),
    "smtplib": ("connectors",),
}
"""Library -> where it may be imported. What is not in this table may be imported nowhere."""


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module, by its full name, and where it stands."""

    line: int
    module: str


def module_of(path: Path) -> str:
    """
    Return the dotted name of a file of the checkout.

    >>> module_of(ROOT / "core" / "tables" / "__init__.py")
    'core.tables'
    """
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(source: str, module: str, *, is_package: bool = False) -> Iterator[Import]:
    """Read every import of a source text; `from a import b` counts as `a.b`, relative ones are made absolute."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = node.module or ""
            if node.level:
                parents = module.split(".")[: None if is_package and node.level == 1 else (is_package - node.level)]
                start = ".".join([*parents, *([node.module] if node.module else [])])
            yield from (Import(node.lineno, f"{start}.{alias.name}") for alias in node.names)


def within(module: str, names: tuple[str, ...]) -> bool:
    """
    Say whether a module is one of these names or lies below one.

    >>> within("connectors.kit.http", ("connectors.kit",)), within("connectors.kitten", ("connectors.kit",))
    (True, False)
    """
    return any(module == name or module.startswith(name + ".") for name in names)


def may_use(module: str) -> tuple[str, ...]:
    """Return the rooms (besides its own part) that a module may import."""
    room, *rest = module.split(".")
    if module in CONFORMANCE:
        return (*ROOMS[room], "connectors.registry")
    if room == "connectors" and rest and rest[0] not in ("kit", "registry"):
        return KIND_MAY_USE
    return ROOMS[room]


def _own(module: str) -> str:
    """Return the part within which imports are free: the room, but in connectors the single kind."""
    room, *rest = module.split(".")
    return f"connectors.{rest[0]}" if room == "connectors" and rest else room


def _library(name: str) -> str | None:
    """Return the entry of the table that covers an import; None for the standard library as such."""
    for known in LIBRARIES:
        if within(name, (known,)):
            return known
    top = name.split(".")[0]
    return None if top in sys.stdlib_module_names else top


def breaches(source: str, module: str, *, is_package: bool = False) -> Iterator[str]:
    """Yield one sentence for every import of this source that the tables do not allow."""
    file = module.rsplit(".", maxsplit=1)[-1] + ".py"
    for one in imports_of(source, module, is_package=is_package):
        if one.module.split(".")[0] in ROOMS:
            allowed = may_use(module)
            if not within(one.module, (_own(module), *allowed)) and not _is_the_contract(module, one.module):
                target = one.module
                uses = ", ".join(allowed) or "nothing of ours"
                yield f"{file}:{one.line}: {module} may not import {target}. It may use: {uses}."
        elif (library := _library(one.module)) is not None:
            places = LIBRARIES.get(library)
            if places is None:
                yield (
                    f"{file}:{one.line}: {module} imports {library}, which is not in the table of libraries. "
                    "Say in docs/why/libraries.md why it is needed, then add it to tests/house/imports.py."
                )
            elif not within(module, places):
                yield f"{file}:{one.line}: {module} may not import {library}. Only {', '.join(places)} may."


def _is_the_contract(module: str, imported: str) -> bool:
    """The registry names the contract's class; everything else of connectors it loads by name, lazily."""
    return module == "connectors.registry" and within(imported, ("connectors.kit",))
