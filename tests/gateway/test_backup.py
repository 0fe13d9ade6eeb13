"""Backups: whole or refused, never over what is there, and the key only where it is wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.settings import Settings
from gateway.backup import BackupError, make, read, restore


def _settings(home: Path, url: str) -> Settings:
    home.mkdir(exist_ok=True)
    return Settings.from_env({"TIELINE_HOME": str(home), "TIELINE_DATABASE_URL": url})


def test_a_backup_is_its_owners_only_and_names_its_books(tmp_path: Path, sqlite_url: str) -> None:
    """Folder and files are private; the manifest says what is in it and whether the key is."""
    settings = _settings(tmp_path, sqlite_url)
    (tmp_path / "secret.key").write_text("k")
    made = make(settings, tmp_path / "b")
    assert made.manifest["key"] is True
    assert made.manifest["books"]["accepted"] == 0
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "b", tmp_path / "b/tieline.db", tmp_path / "b/secret.key")} == {
        0
    }
    without = make(settings, tmp_path / "c", with_key=False)
    assert without.manifest["key"] is False
    assert not (tmp_path / "c/secret.key").exists()


def test_nothing_is_overwritten(tmp_path: Path, sqlite_url: str) -> None:
    """A backup wants a new folder; a restore wants an empty place, or keeps what is there aside."""
    settings = _settings(tmp_path, sqlite_url)
    make(settings, tmp_path / "b")
    with pytest.raises(BackupError, match="not empty"):
        make(settings, tmp_path / "b")
    with pytest.raises(BackupError, match="there already"):
        restore(settings, tmp_path / "b")

    _, books = restore(settings, tmp_path / "b", force=True)

    assert books.holds
    assert len(list(tmp_path.glob("tieline.db.before-restore-*"))) == 1


def test_a_changed_backup_is_refused(tmp_path: Path, sqlite_url: str) -> None:
    """One flipped byte in the data, or no manifest, is told before anything is touched."""
    settings = _settings(tmp_path, sqlite_url)
    made = make(settings, tmp_path / "b")
    data = made.folder / "tieline.db"
    raw = bytearray(data.read_bytes())
    raw[5000] ^= 1
    data.write_bytes(raw)
    with pytest.raises(BackupError, match="has changed"):
        read(made.folder)
    with pytest.raises(BackupError, match="is not a backup"):
        read(tmp_path)


def test_a_backup_of_the_other_database_is_refused(tmp_path: Path, sqlite_url: str, postgres_url: str) -> None:
    """A dump of SQLite cannot be restored into PostgreSQL, and we say so."""
    make(_settings(tmp_path, sqlite_url), tmp_path / "b")
    with pytest.raises(BackupError, match="keeps its rows in postgresql"):
        restore(_settings(tmp_path / "other", postgres_url), tmp_path / "b")
