"""The tutorial of docs/how-to/write-a-kind.md is a passing test, and the catalogue page is what the kinds say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from connectors.kit.declared import evidence
from connectors.kit.declared.connector import connector_of
from connectors.kit.declared.exchanges import Script, read_exchanges, replay
from connectors.kit.declared.reading import read_manifest_file
from tests.house import catalogue_page
from tests.house.imports import ROOT

PAGE = (ROOT / "docs/how-to/write-a-kind.md").read_text()
FILES = dict(re.findall(r"^`([\w./]+)`\n\n```\w+\n(.*?)^```", PAGE, re.M | re.S))


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Write the files of the page."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_kind_of_the_page_is_documented(written: Path) -> None:
    """Every exchange of the page replays, and they carry the level that the page promises."""
    home = written / "shift_book"
    manifest, collection = read_manifest_file(home / "manifest.yaml"), read_exchanges(home)
    with Script() as script:
        found = [replay(connector_of(manifest), one, collection.settings, script) for one in collection.exchanges]
    assert found == [[]] * len(collection.exchanges)
    assert evidence.highest(manifest, collection) == "documented"


def test_the_kind_of_the_page_keeps_every_law(written: Path) -> None:
    """The test file of the page runs as it stands there."""
    (written / "conftest.py").write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            str(written),
            str(written / "test_shift_book.py"),
        ],
        cwd=written,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_the_catalogue_page_is_what_the_kinds_say() -> None:
    """docs/catalogue.md is generated: no kind is praised beyond its evidence."""
    written_down = (ROOT / "docs/catalogue.md").read_text()
    assert written_down == catalogue_page.page(), "python -m tests.house.catalogue_page > docs/catalogue.md"
