"""The kind sql on a MariaDB: the laws once more, and what only a server with passwords can show."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.sql.connector import Sql
from connectors.sql.kind import SqlSettings
from connectors.sql.problems import ReadOnlyError
from core.errors import CredentialsError
from core.words import Delivery
from lab.real.mariadb.system import MariaDB
from tests.connectors.sql.test_laws import TestSql as _Laws
from tests.connectors.sql.warehouse import Warehouse
from tests.real.own import own


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """Start a server of its own."""
    with own(MariaDB, tmp_path_factory.mktemp("mariadb")) as made:
        yield made


class TestSqlOnMariaDB(_Laws):
    @pytest.fixture(autouse=True)
    def _there(self, server: MariaDB) -> None:
        type(self).server = server.admin_url


def test_a_part_from_row_to_booking(server: MariaDB) -> None:
    """Rows come by time, a question answers, a booking is written once and read back, and Chinese stays Chinese."""
    with Warehouse(server.admin_url) as house:
        made = Sql("erp", SqlSettings.model_validate(house.settings(timezone="Asia/Shanghai")))
        assert made.check().ok
        page = made.poll("rows", None)
        seal, _ = Sql.parse(Delivery("rcp_1", "erp", page.body, {}, 0), None)
        assert (seal.external_id, seal.data["row"]["name"], seal.data["row"]["quantity"]) == ("1", "Seal 80 mm 密封圈", 3)
        assert seal.data["changed_at"] == "2026-11-20T00:00:00.000000Z"  # eight in the morning in Shanghai
        house.run("UPDATE parts SET quantity = 1, changed_at = '2026-11-21 08:00:00' WHERE id = 1")
        (changed,) = Sql.parse(Delivery("rcp_2", "erp", made.poll("rows", page.cursor).body, {}, 0), None)
        assert changed.data["row"]["quantity"] == 1

        arguments = {"name": "book", "parameters": {"code": "SEAL-80", "quantity": 2}}
        outcomes = [made.act("write", arguments, key="story/1") for _ in range(2)]
        assert [one.repeated for one in outcomes] == [False, True]
        assert made.verify("write", arguments, outcomes[1]).held


def test_a_wrong_password_is_said_and_not_shown(server: MariaDB) -> None:
    """The server's words reach the operator, the password does not."""
    with Warehouse(server.admin_url) as house:
        made = Sql("erp", SqlSettings.model_validate(house.settings(password="wr0ng-pass-2026")))
        with pytest.raises(CredentialsError, match="Access denied") as caught:
            made.poll("rows", None)
        assert "wr0ng-pass-2026" not in str(caught.value.as_dict())
        assert made.check().steps[0].fix


def test_a_question_never_writes_there_either(server: MariaDB) -> None:
    """A function that writes, called from a SELECT, is stopped by the read-only transaction."""
    with Warehouse(server.admin_url) as house:
        with house.inside().connect() as conn:
            conn.exec_driver_sql(
                "CREATE FUNCTION sneak() RETURNS INT MODIFIES SQL DATA"
                " BEGIN INSERT INTO bookings VALUES ('x', 'y', 1); RETURN 1; END"
            )
        made = Sql("erp", SqlSettings.model_validate(house.settings(questions={"sneak": "SELECT sneak() AS n"})))
        with pytest.raises(ReadOnlyError):
            made.lookup("question", {"name": "sneak"}, timeout_s=5)
        assert not house.run("SELECT * FROM bookings")
