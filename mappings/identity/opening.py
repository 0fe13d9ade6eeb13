"""
Resolve or mint for whoever has no transaction of his own: look first, and write only what is new.

Most ids are known, and a look needs no lock; so eight processes that ask for known ids never wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from core.database import Database
from core.errors import NotFoundError, TielineError
from mappings.identity.resolve import resolve, resolve_or_mint
from mappings.identity.words import Resolved, Want


def known_or_minted(db: Database, wants: Iterable[Want], prefixes: Mapping[str, str]) -> dict[Want, Resolved | TielineError]:
    """Return the master ID of every wanted id, minted where it is new; an id that cannot be one gives its error."""
    wanted = list(dict.fromkeys(wants))
    with db.read() as conn:
        answers = resolve(conn, wanted)
    new = [want for want, answer in answers.items() if not isinstance(answer, Resolved) and _unknown(answer)]
    if new:
        with db.write() as conn:
            answers |= resolve_or_mint(conn, db, new, prefixes, db.now(conn))
    return answers


def _unknown(answer: TielineError) -> bool:
    """Say whether writing could help: it is not known yet, or it has a strange shape, which is to be kept as an example."""
    return isinstance(answer, NotFoundError) or answer.code == "unknown-id-shape"
