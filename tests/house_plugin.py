"""
In CI a skipped test is a failed test: with TIELINE_NO_SKIP=1 every skip is reported as a failure with its reason.

Loaded by the Makefile (``-p tests.house_plugin``). On a developer's machine a missing service skips and says why.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

FORBIDDEN = bool(os.environ.get("TIELINE_NO_SKIP"))


def _reason(longrepr: object) -> str:
    return str(longrepr[2]) if isinstance(longrepr, tuple) else str(longrepr)


def _refuse(outcome: str, longrepr: object) -> str | None:
    """Return the text of the failure when this is a skip and skips are forbidden."""
    if not FORBIDDEN or outcome != "skipped":
        return None
    return f"Skipped, but TIELINE_NO_SKIP is set. {_reason(longrepr)}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip in a test or a fixture into a failure; an expected failure stays one."""
    report = yield
    if not hasattr(report, "wasxfail") and (text := _refuse(report.outcome, report.longrepr)):
        report.outcome, report.longrepr = "failed", text
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn a skip of a whole module into a failure."""
    report = yield
    if text := _refuse(report.outcome, report.longrepr):
        report.outcome, report.longrepr = "failed", text
    return report
