"""A warehouse in a real database: parts with stock, bookings that are written, and a foreman who can say no."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Engine, create_engine, make_url, text
from sqlalchemy.pool import NullPool

from connectors.kit import lawbook
from connectors.kit.lawbook import Landscape
from core.ids import new_id
from tests.connectors.tcp_route import TcpRoute

PASSWORD = "wh-pass-2026"
QUESTIONS = {
    "stock": "SELECT code, name, quantity FROM parts_seen WHERE code = :code",
    "after_book": "SELECT * FROM bookings WHERE ref = :tieline_key",
}
TABLES = (
    (
        "CREATE TABLE parts (id INTEGER PRIMARY KEY, code VARCHAR(40), name VARCHAR(80), quantity DECIMAL(12, 3),"
        " changed_at {time} NOT NULL)"
    ),
    "CREATE TABLE bookings (ref VARCHAR(200) PRIMARY KEY, code VARCHAR(40) NOT NULL, quantity DECIMAL(12, 3) NOT NULL)",
    "CREATE TABLE foreman (says VARCHAR(80))",
    (
        "INSERT INTO parts VALUES (1, 'SEAL-80', 'Seal 80 mm 密封圈', 3, '2026-11-20 08:00:00'),"
        " (2, 'BRG-6208', 'Bearing', 12.5, '2026-11-21 08:00:00')"
    ),
)
POSTGRES = (
    (
        "CREATE FUNCTION foreman_nods() RETURNS boolean LANGUAGE plpgsql AS $$ DECLARE no text; BEGIN"
        " SELECT says INTO no FROM foreman LIMIT 1; IF no IS NOT NULL THEN RAISE EXCEPTION USING MESSAGE = no; END IF;"
        " RETURN true; END $$"
    ),
    "CREATE FUNCTION foreman_checks() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM foreman_nods(); RETURN NEW; END $$",
    "CREATE TRIGGER foreman BEFORE INSERT ON bookings FOR EACH ROW EXECUTE FUNCTION foreman_checks()",
    "CREATE VIEW parts_seen AS SELECT * FROM parts WHERE foreman_nods()",
)
MARIADB = (
    (
        "CREATE FUNCTION foreman_nods() RETURNS INT READS SQL DATA BEGIN DECLARE no TEXT;"
        " SELECT MAX(says) INTO no FROM foreman; IF no IS NOT NULL THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = no; END IF;"
        " RETURN 1; END"
    ),
    "CREATE TRIGGER foreman BEFORE INSERT ON bookings FOR EACH ROW SET @nods = foreman_nods()",
    "CREATE VIEW parts_seen AS SELECT * FROM parts WHERE foreman_nods() = 1",
)


class Warehouse:
    """A database and a user of its own on a running server."""

    def __init__(self, admin_url: str) -> None:
        self.name, self.user = new_id("wh")[:30], new_id("u")[:30]
        self.url = make_url(admin_url)
        self.is_postgres = self.url.get_backend_name() == "postgresql"
        self.admin = create_engine(admin_url, isolation_level="AUTOCOMMIT", poolclass=NullPool)

    def __enter__(self) -> Warehouse:
        quoted = f"'{PASSWORD}'"
        with self.admin.connect() as conn:
            conn.execute(text(f"CREATE DATABASE {self.name}"))
            host = "" if self.is_postgres else "@'%'"
            how = f"LOGIN PASSWORD {quoted}" if self.is_postgres else f"IDENTIFIED BY {quoted}"
            conn.execute(text(f"CREATE USER {self.user}{host} {how}"))
        time = "timestamptz" if self.is_postgres else "DATETIME(6)"
        with self.inside().connect() as conn:
            for one in (*TABLES, *(POSTGRES if self.is_postgres else MARIADB)):
                conn.exec_driver_sql(one.format(time=time) if "{time}" in one else one)
            if self.is_postgres:
                conn.execute(text(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {self.user}"))
                conn.execute(text(f"GRANT INSERT ON bookings TO {self.user}"))
            else:
                conn.execute(text(f"GRANT SELECT, EXECUTE ON {self.name}.* TO {self.user}@'%'"))
                conn.execute(text(f"GRANT INSERT ON {self.name}.bookings TO {self.user}@'%'"))
        return self

    def __exit__(self, *_: object) -> None:
        with self.admin.connect() as conn:
            force = " WITH (FORCE)" if self.is_postgres else ""
            conn.execute(text(f"DROP DATABASE {self.name}{force}"))
            conn.execute(text(f"DROP USER {self.user}" + ("" if self.is_postgres else "@'%'")))
        self.admin.dispose()

    def inside(self) -> Engine:
        """Connect to the warehouse as its owner."""
        return create_engine(self.url.set(database=self.name), isolation_level="AUTOCOMMIT", poolclass=NullPool)

    def run(self, statement: str, **given: Any) -> list[Any]:
        """Do something there, or see it."""
        with self.inside().connect() as conn:
            found = conn.execute(text(statement), given)
            return list(found) if found.returns_rows else []

    def settings(self, port: int | None = None, **more: Any) -> dict[str, Any]:
        """Give the settings that reach it as its user."""
        there = {"host": self.url.host, "port": port or self.url.port, "database": self.name}
        url = URL.create(self.url.drivername, username=self.user, **there)  # type: ignore[arg-type]
        return {
            "url": url.render_as_string(),
            "password": PASSWORD,
            "rows": "SELECT * FROM parts_seen",
            "changed": "changed_at",
            "questions": QUESTIONS,
            "writes": {"book": _BOOK if self.is_postgres else _BOOK_MARIADB},
            **more,
        }

    def may_log_in(self, may: bool) -> None:
        """Let its user in, or not."""
        if self.is_postgres:
            how = f"{self.user} {'LOGIN' if may else 'NOLOGIN'}"
        else:
            how = f"{self.user}@'%' ACCOUNT {'UNLOCK' if may else 'LOCK'}"
        with self.admin.connect() as conn:
            conn.execute(text(f"ALTER USER {how}"))


_BOOK = "INSERT INTO bookings VALUES (:tieline_key, :code, :quantity) ON CONFLICT DO NOTHING"
_BOOK_MARIADB = "INSERT IGNORE INTO bookings VALUES (:tieline_key, :code, :quantity)"


@contextmanager
def landscape(admin_url: str) -> Iterator[Landscape]:
    """Give a warehouse behind a stretch of network that can fail."""
    with Warehouse(admin_url) as house, TcpRoute(house.url.port or 5432) as route:

        def trouble(word: str) -> None:
            if word == "unauthorised":
                house.may_log_in(False)
            elif word == "refused":
                house.run("INSERT INTO foreman VALUES (:says)", says=lawbook.FOREIGN)
            else:
                route.trouble(word)

        def calm() -> None:
            route.calm()
            house.may_log_in(True)
            house.run("DELETE FROM foreman")

        writes: Callable[[], int] = lambda: int(house.run("SELECT COUNT(*) FROM bookings")[0][0])  # noqa: E731
        yield Landscape(house.settings(route.port), trouble=trouble, calm=calm, writes=writes)
