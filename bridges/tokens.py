"""
Tokens as rows: every process sees the same one, and one of all renews it.

The row is the lock: a lease that ends by itself and a fence that tells who is late. No request is sent while a
transaction is open; the database's time decides. What is kept is sealed like every secret.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from connectors.kit.tokens import Kept, PrivateTokens, Token, Trouble
from core.clock import SECOND
from core.database import Database
from core.secrets import Vault
from core.tables import token as table
from core.words import Micros


class RowTokens:
    """The token of one registered connector (``connectors.kit.tokens.Tokens``)."""

    def __init__(self, db: Database, vault: Vault, connector_id: int) -> None:
        self._db, self._vault, self._id = db, vault, connector_id

    def now(self) -> Micros:
        """Return the database's time."""
        with self._db.read() as conn:
            return self._db.now(conn)

    def read(self, seed: str) -> Kept:
        """Return what is kept for these credentials."""
        with self._db.read() as conn:
            row = self._row(conn)
        if row is None:
            return Kept()
        if row["seed"] != seed:
            return Kept(fence=row["fence"])
        found = None if row["sealed"] is None else Token(self._vault.open(row["sealed"]), row["expires_at"])
        return Kept(found, _trouble(row), row["fence"])

    def claim(self, seed: str, lease_s: float) -> int | None:
        """Claim the renewal: a lease, if nobody holds one; with other credentials than before, what was kept is gone."""
        with self._db.write() as conn:
            self._db.lock_key(conn, "token", str(self._id))
            now, row = self._db.now(conn), self._row(conn)
            until = now + round(lease_s * SECOND)
            if row is None:
                conn.execute(table.insert().values(connector_id=self._id, seed=seed, fence=1, lease_until=until))
                return 1
            if row["lease_until"] is not None and row["lease_until"] > now:
                return None
            fence = int(row["fence"]) + 1
            anew: dict[str, Any] = {} if row["seed"] == seed else {"seed": seed, "sealed": None, "expires_at": None, **_WELL}
            conn.execute(self._mine().values(fence=fence, lease_until=until, **anew))
            return fence

    def keep(self, seed: str, fence: int, token: Token) -> bool:
        """Keep a new token and give the lease back, if the lease is still ours."""
        with self._db.write() as conn:
            values = {
                "sealed": self._vault.seal(token.values),
                "expires_at": token.expires_at,
                "renewed_at": self._db.now(conn),
            }
            mine = self._mine().where(table.c.fence == fence, table.c.seed == seed)
            return conn.execute(mine.values(lease_until=None, **values, **_WELL)).rowcount > 0

    def fail(self, fence: int, trouble: Trouble) -> None:
        """Remember why it failed, and how long nobody tries."""
        with self._db.write() as conn:
            conn.execute(
                self._mine()
                .where(table.c.fence == fence)
                .values(
                    lease_until=None,
                    failures=trouble.failures,
                    failing_since=trouble.since,
                    cool_until=trouble.cool_until,
                    is_wrong=trouble.wrong,
                    trouble={"what": trouble.what, "why": trouble.why, "fix": trouble.fix},
                )
            )

    def release(self, fence: int) -> None:
        """Give the lease back."""
        with self._db.write() as conn:
            conn.execute(self._mine().where(table.c.fence == fence).values(lease_until=None))

    def knows(self, seed: str) -> bool:
        """Say whether what is kept comes from these credentials."""
        with self._db.read() as conn:
            row = self._row(conn)
        return row is not None and row["seed"] == seed

    def adopt(self, seed: str, token: Token) -> None:
        """Keep a token that was got while the connector was being tried out; one that may be used once is used once."""
        fence = self.claim(seed, 60)
        if fence is not None:
            self.keep(seed, fence, token)

    def _row(self, conn: Connection) -> Any:
        return conn.execute(select(table).where(table.c.connector_id == self._id)).mappings().one_or_none()

    def _mine(self) -> Any:
        return table.update().where(table.c.connector_id == self._id)


class TrialTokens:
    """
    Tokens while settings are tried out: with the credentials that a connector has already, its own row; with new ones a
    place in memory, so that a trial that fails takes nothing away. ``settle`` keeps what a good trial got.
    """

    def __init__(self, rows: RowTokens | None = None) -> None:
        self._rows, self._private = rows, PrivateTokens()
        self._claimed: RowTokens | PrivateTokens = self._private

    def _of(self, seed: str) -> RowTokens | PrivateTokens:
        return self._rows if self._rows is not None and self._rows.knows(seed) else self._private

    def now(self) -> Micros:
        """Return the time that decides."""
        return self._private.now() if self._rows is None else self._rows.now()

    def read(self, seed: str) -> Kept:
        """Return what is kept for these credentials."""
        return self._of(seed).read(seed)

    def claim(self, seed: str, lease_s: float) -> int | None:
        """Claim the renewal."""
        self._claimed = self._of(seed)
        return self._claimed.claim(seed, lease_s)

    def keep(self, seed: str, fence: int, token: Token) -> bool:
        """Keep a new token."""
        return self._claimed.keep(seed, fence, token)

    def fail(self, fence: int, trouble: Trouble) -> None:
        """Remember why it failed."""
        self._claimed.fail(fence, trouble)

    def release(self, fence: int) -> None:
        """Give the lease back."""
        self._claimed.release(fence)

    def settle(self, rows: RowTokens) -> None:
        """The trial was good: its token becomes the connector's."""
        if self._private.held is not None:
            rows.adopt(*self._private.held)


_WELL: dict[str, Any] = {"failures": 0, "failing_since": None, "cool_until": None, "is_wrong": False, "trouble": None}


def _trouble(row: Any) -> Trouble | None:
    told = row["trouble"]
    if told is None:
        return None
    return Trouble(
        told["what"], told["why"], told["fix"], row["is_wrong"], row["failures"], row["failing_since"], row["cool_until"]
    )


def try_again(conn: Connection, connector_id: int) -> None:
    """Forget that the credentials were wrong or are cooling: a person asks for another try."""
    conn.execute(table.update().where(table.c.connector_id == connector_id).values(**_WELL))
