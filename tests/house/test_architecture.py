"""The arrows between the rooms, and where each library may be imported."""

from __future__ import annotations

import pytest

from tests.house.imports import LIBRARIES, ROOMS, ROOT, breaches, module_of
from tests.house.tree import name, room_files


def test_no_room_imports_what_its_table_forbids() -> None:
    """Every import of every room is allowed by the two tables of tests/house/imports.py."""
    found = [
        sentence
        for path in room_files()
        for sentence in breaches(path.read_text(), module_of(path), is_package=path.name == "__init__.py")
    ]
    assert not found, "\n" + "\n".join(found)


def test_every_room_of_the_table_exists() -> None:
    """A room that is gone leaves the table too."""
    there = {path.relative_to(ROOT).parts[0].removesuffix(".py") for path in room_files()}
    assert set(ROOMS) == there


@pytest.mark.parametrize(
    ("module", "source", "sentence"),
    [
        (
            "bridges.handle",
            "def f():\n    from connectors.zabbix import connector\n",
            (
                "handle.py:2: bridges.handle may not import connectors.zabbix.connector."
                " It may use: core, connectors.kit, mappings."
            ),
        ),
        (
            "core.words",
            "import bridges.inbox",
            "words.py:1: core.words may not import bridges.inbox. It may use: nothing of ours.",
        ),
        (
            "connectors.zabbix.connector",
            "from connectors.roundup import wire",
            (
                "connector.py:1: connectors.zabbix.connector may not import connectors.roundup.wire."
                " It may use: core, connectors.kit."
            ),
        ),
        (
            "connectors.kit.http",
            "from connectors.memory.connector import Memory",
            "http.py:1: connectors.kit.http may not import connectors.memory.connector.Memory. It may use: core.",
        ),
        ("mappings.values", "import flask", "values.py:1: mappings.values may not import flask. Only gateway may."),
        ("celery_app", "from flask import Flask", "celery_app.py:1: celery_app may not import flask. Only gateway may."),
        (
            "lineage.query",
            "import networkx as nx",
            "query.py:1: lineage.query may not import networkx. Only lineage.graph may.",
        ),
        (
            "gateway.app",
            "from urllib.request import urlopen",
            "app.py:1: gateway.app may not import urllib.request. Only connectors may.",
        ),
        (
            "connectors.tryton.connector",
            "import sqlalchemy",
            (
                "connector.py:1: connectors.tryton.connector may not import sqlalchemy."
                " Only core, connectors.sql, mappings, bridges, snapshots, lineage, gateway, celery_app may."
            ),
        ),
        (
            "core.log",
            "import structlog",
            (
                "log.py:1: core.log imports structlog, which is not in the table of libraries."
                " Say in docs/why/libraries.md why it is needed, then add it to tests/house/imports.py."
            ),
        ),
    ],
)
def test_a_forbidden_import_is_named_with_what_is_allowed(module: str, source: str, sentence: str) -> None:
    """The message names file, line, both modules and what the room may use instead."""
    assert list(breaches(source, module)) == [sentence]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("bridges.handle", "from connectors.kit.contract import Kind\nimport mappings.values, core.words\nimport json"),
        ("connectors.registry", "from connectors.kit.contract import Connector"),
        ("connectors.zabbix.connector", "from . import wire\nfrom ..kit import http\nfrom connectors.zabbix.wire import read"),
        ("lineage.graph", "import networkx"),
        ("gateway.doors.push", "from flask import request\nfrom urllib.parse import quote\nfrom bridges.inbox import Inbox"),
    ],
)
def test_what_the_tables_allow_passes(module: str, source: str) -> None:
    """Neighbours, the room itself, relative imports and the standard library are free."""
    assert list(breaches(source, module)) == []


def test_a_relative_import_cannot_hide_a_neighbour() -> None:
    """`from ..roundup import wire` is read as what it is."""
    assert list(breaches("from ..roundup import wire", "connectors.zabbix.connector"))
    assert list(breaches("from . import zabbix", "connectors.kit", is_package=True)) == []
    assert list(breaches("from .. import zabbix", "connectors.kit", is_package=True))


def test_the_libraries_are_argued() -> None:
    """Every third-party library of the table has its line in docs/why/libraries.md."""
    page = (ROOT / "docs/why/libraries.md").read_text()
    names = {
        "cel_expr_python": "cel-expr-python",
        "jsonpath_ng": "jsonpath-ng",
        "re2": "google-re2",
        "stdnum": "python-stdnum",
        "yaml": "PyYAML",
    }
    names |= {
        "pydantic_core": "pydantic",
        "prometheus_client": "prometheus-client",
        "uuid_utils": "uuid-utils",
        "kombu": "celery",
    }
    stdlib = {"http.client", "urllib.request", "ftplib", "smtplib"}
    missing = [one for one in LIBRARIES if one not in stdlib and names.get(one, one).lower() not in page.lower()]
    assert not missing, f"docs/why/libraries.md says nothing about {', '.join(missing)}"


def test_a_stand_in_shares_no_code_with_what_it_stands_in_for() -> None:
    """lab/standins speak the protocol by themselves: with our connector's code a mistake would cancel itself."""
    found = []
    for path in sorted((ROOT / "lab" / "standins").glob("*.py")):
        text = path.read_text()
        found += [name(path) for room in ROOMS if f"from {room}" in text or f"import {room}" in text]
    assert not found, f"these stand-ins import our rooms: {found}"
