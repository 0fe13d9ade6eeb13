"""Where the web processes of one Tieline count together; the smallest of modules, for the process that only starts them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus_client's own variable: where the counters of all web processes lie."""


def share_counters(home: Path) -> None:
    """Let the web processes that start from here count into one folder, begun anew."""
    folder = home / "counters"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ[SHARED] = str(folder)
