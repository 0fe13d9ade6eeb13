"""
Secrets at rest: Fernet tokens under a key file; several keys in the file make a rotation.

Write-only by design: no public function returns a secret to the API; ``open`` is for connectors.
"""

from __future__ import annotations

import hmac
import os
import threading
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from core import jsons
from core.errors import SetupError


class SealedSecretError(SetupError):
    """A stored secret that none of our keys opens."""

    code = "sealed-secret"
    title, title_zh = "A stored secret cannot be opened", "已存储的密钥无法解密"


class Vault:
    """Seals and opens small JSON objects of secrets. The first key in the file seals; every key opens."""

    def __init__(self, key_file: Path) -> None:
        self._key_file = key_file
        if not key_file.exists():
            _create(key_file)
        keys = [line.strip() for line in key_file.read_text().splitlines() if line.strip()]
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        self._first = keys[0]

    def __repr__(self) -> str:
        return f"<Vault {self._key_file}>"

    def derive(self, purpose: str) -> str:
        """Return a secret for another purpose (a cookie's signature): the same in every process with this key file."""
        return hmac.new(self._first.encode(), purpose.encode(), "sha256").hexdigest()

    def seal(self, secrets: dict[str, str]) -> str:
        """Encrypt a JSON object of secrets into one token."""
        return self._fernet.encrypt(jsons.canonical(secrets)).decode()

    def open(self, token: str | None) -> dict[str, str]:
        """Decrypt what ``seal`` made; None (no secrets) is an empty object."""
        if token is None:
            return {}
        try:
            opened: dict[str, str] = jsons.loads(self._fernet.decrypt(token.encode()))
        except InvalidToken as error:
            raise SealedSecretError(
                "A stored secret cannot be opened.",
                why=f"No key in {self._key_file} fits it: the key file was changed or belongs to another home.",
                fix="Put the old key back as a further line of the key file, or enter the connector's secrets again.",
            ) from error
        return opened


def _create(key_file: Path) -> None:
    """Write a fresh key readable by its owner only; when two processes start at once, one wins and both use it."""
    key_file.parent.mkdir(parents=True, exist_ok=True)
    draft = key_file.with_name(f"{key_file.name}.{os.getpid()}.{threading.get_ident()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(Fernet.generate_key() + b"\n")
        os.fsync(file.fileno())
    try:
        os.link(draft, key_file)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
