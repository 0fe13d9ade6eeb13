"""The kind sql keeps every law of the kit, on a PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import pytest

from connectors.kit.lawbook import Landscape
from connectors.kit.laws import ConnectorLaws
from connectors.sql.connector import Sql
from tests.conftest import POSTGRES
from tests.connectors.sql.warehouse import landscape


class TestSql(ConnectorLaws):
    connector = Sql
    acts = {"write": {"name": "book", "parameters": {"code": "SEAL-80", "quantity": 1.5}}}  # noqa: RUF012 - as in the laws
    lookups = {"question": {"name": "stock", "parameters": {"code": "SEAL-80"}}}  # noqa: RUF012
    test_a_wish_to_wait_is_kept = None  # type: ignore[assignment]  # no database names a time to wait
    server: ClassVar[str] = POSTGRES

    @pytest.fixture(autouse=True)
    def _there(self, postgres_template: str) -> None:
        """Skip with the reason where there is no server."""

    @contextmanager
    def landscape(self) -> Iterator[Landscape]:
        with landscape(self.server) as land:
            yield land
