"""The sql connector: composes the database with what the kind offers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from sqlalchemy import text

from connectors.kit.contract import CheckReport, Connector, Kind
from connectors.kit.shapes import shaped
from connectors.sql.database import Database
from connectors.sql.kind import SQL, SqlSettings
from connectors.sql.reading import as_json, parse, rows
from core.clock import Clock
from core.errors import InputError, NotFoundError
from core.words import Delivery, Found, Json, Outcome, Page, Record, Verified

MOST_ROWS = 500
_ENCRYPTED = {
    "postgresql": "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
    "mysql": "SELECT IF(variable_value = '', 'false', 'true') FROM information_schema.session_status"
    " WHERE variable_name = 'Ssl_cipher'",
}


class Sql(Connector):
    """One registered database."""

    kind: ClassVar[Kind] = SQL

    def __init__(self, name: str, settings: SqlSettings, *, clock: Clock | None = None) -> None:
        super().__init__(name, settings, clock=clock)
        self._database = Database(settings, f"The database {name}")
        self._zone = ZoneInfo(settings.timezone)

    def check(self) -> CheckReport:
        """Only read: log in, see whether the line is encrypted, read one row, and let the database plan every question."""
        report = CheckReport()
        if not report.run("credentials", self._log_in):
            return report
        report.run("tls", self._encrypted, needed=False)
        if self.settings.rows is not None:
            report.run("sample:rows", self._sample)
        for name in self.settings.questions:
            report.run(f"lookup:{name}", lambda name=name: self._plan(name))  # type: ignore[misc]
        return report

    @classmethod
    def parse(cls, delivery: Delivery, settings: Any) -> list[Record]:
        """Read a polled page; a database does not push."""
        del settings
        return parse(delivery.body)

    def poll(self, stream: str, cursor: Json, limit: int = 500) -> Page:
        """Read the next rows."""
        self.kind.stream(stream)
        with self._database.reading() as conn:
            return rows(conn, self.settings, cursor, limit)

    def lookup(self, name: str, inputs: Mapping[str, Json], *, timeout_s: float) -> Found:
        """Ask one of the questions; parameters are bound and never become a part of its text."""
        self.kind.lookup(name)
        statement = _chosen(self.settings.questions, inputs.get("name"), "question")
        with self._database.reading(timeout_s) as conn:
            found = conn.execute(text(statement), _parameters(inputs)).fetchmany(MOST_ROWS + 1)
            answered = [as_json(dict(one._mapping), self._zone) for one in found]
        values: dict[str, Json] = {
            "rows": answered[:MOST_ROWS],
            "count": len(answered),
            "first": answered[0] if answered else None,
        }
        return Found(values, self.clock.now(), f"sql {self.name} {inputs['name']}", absent=not answered)

    def act(self, name: str, arguments: Mapping[str, Json], *, key: str) -> Outcome:
        """Do one of the writes; a statement that names :tieline_key can refuse to do it twice."""
        shaped(dict(arguments), self.kind.act(name).arguments, f"What {name} is given")
        statement = _chosen(self.settings.writes, arguments.get("name"), "write")
        given = _parameters(arguments)
        if ":tieline_key" in statement:
            given["tieline_key"] = key
        with self._database.writing() as conn:
            changed = conn.execute(text(statement), given).rowcount
        note = None if changed else "No row was changed: it was done already, or nothing fits."
        return Outcome(key, None, {}, note=note, repeated=changed == 0, request=given, response={"rows": changed})

    def verify(self, name: str, arguments: Mapping[str, Json], outcome: Outcome) -> Verified:
        """Ask the question `after_<name of the write>` with the same parameters, where there is one; any row is a yes."""
        self.kind.act(name)
        check = self.settings.questions.get(f"after_{arguments.get('name')}")
        if check is None:
            why = f"The database committed. A question after_{arguments.get('name')} would read it back."
            return Verified(True, dict(outcome.response or {}), why)
        given = _parameters(arguments) | ({"tieline_key": outcome.external_id} if ":tieline_key" in check else {})
        with self._database.reading() as conn:
            found = conn.execute(text(check), given).fetchone()
            seen = as_json(dict(found._mapping), self._zone) if found else {}
        return Verified(found is not None, seen, "" if found else f"The question after_{arguments.get('name')} finds no row.")

    def close(self) -> None:
        """Nothing is open between calls."""
        self._database.close()

    def _log_in(self) -> str:
        with self._database.reading() as conn:
            conn.execute(text("SELECT 1")).scalar()  # every dialect that has a read-only mode of ours answers this
            version = ".".join(str(part) for part in conn.dialect.server_version_info or ())
        return f"{self._database.backend} {version}".strip() + f" answers as {self._database.url.username or 'nobody'}."

    def _encrypted(self) -> str:
        question = _ENCRYPTED.get(self._database.backend.replace("mariadb", "mysql"))
        if question is None:
            return "Not proven: this sort of database is not asked."
        with self._database.reading() as conn:
            safe = str(conn.execute(text(question)).scalar()).lower() == "true"
        if safe or self._database.url.host in (None, "", "localhost", "127.0.0.1", "::1"):
            return "The line is encrypted." if safe else "The line never leaves this machine."
        raise InputError(
            "The line to the database is not encrypted.",
            why="The server says so; what is read can be read by others on the way.",
            fix="Switch TLS on in the server; name its CA in ca_file.",
        )

    def _sample(self) -> str:
        page = self.poll("rows", None, 1)
        found = self.parse(Delivery("check", self.name, page.body, {}, 0, stream="rows"), self.settings)
        if not found:
            return "The question gives no row yet."
        return f"Row {found[0].external_id} with the columns {', '.join(found[0].data['row'])}."

    def _plan(self, name: str) -> str:
        """Let the database read the question with every parameter null; nothing is asked for real rows."""
        statement = text(self.settings.questions[name])
        given = dict.fromkeys(statement.compile().params)
        with self._database.reading() as conn:
            found = conn.execute(statement, given)
            columns = list(found.keys())
        return f"It gives {', '.join(columns)}" + (f"; parameters: {', '.join(given)}." if given else ".")


def _chosen(known: Mapping[str, str], name: Json, what: str) -> str:
    if isinstance(name, str) and name in known:
        return known[name]
    raise NotFoundError(
        f"The connector has no {what} {str(name)[:80]!r}.",
        why=f"It has: {', '.join(known) or 'none'}.",
        fix=f"Use one of these, or add the {what} to the connector's settings.",
    )


def _parameters(given: Mapping[str, Json]) -> dict[str, Json]:
    found = given.get("parameters") or {}
    if not isinstance(found, dict) or any(isinstance(one, dict | list) for one in found.values()):
        raise InputError(
            "The parameters cannot be bound.", why="Each is one value: a text, a number or a claim.", fix="Give {name: value}."
        )
    return dict(found)
