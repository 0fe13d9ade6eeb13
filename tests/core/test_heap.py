"""Freed memory is given back, and not all the time."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import threading

import pytest

from core.heap import Tidy

BURST = """
import re
from core.heap import give_back

def resident_kib():
    return int(re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1])

pieces = [bytes(3000) for _ in range(20000)]
kept = pieces[::50]
full = resident_kib()
del pieces
give_back()
print(full - resident_kib())
"""


def test_what_a_burst_left_is_given_back() -> None:
    """Sixty megabytes in small pieces, some of them kept: most of their pages go back to the system."""
    if not hasattr(ctypes.CDLL(None), "malloc_trim"):
        pytest.skip("this C library has no malloc_trim")
    ran = subprocess.run(
        [sys.executable, "-c", BURST], capture_output=True, text=True, check=True, env={"MALLOC_ARENA_MAX": "2"}
    )
    assert int(ran.stdout) > 30_000


def test_it_is_done_a_moment_after_work_and_not_all_the_time() -> None:
    """However often work ends within a span, the heap is looked through once, and after the last work once more."""
    goes_on, paused, trimmed = threading.Semaphore(0), threading.Semaphore(0), threading.Semaphore(0)

    def pause(_seconds: float) -> None:
        paused.release()
        goes_on.acquire()

    tidy = Tidy(trimmed.release, pause)
    for _ in range(2):
        for _ in range(20):
            tidy()
        assert paused.acquire(timeout=5)
        goes_on.release()
        assert trimmed.acquire(timeout=5)
        assert not paused.acquire(timeout=0.05), "nothing more was done, so nothing more is given back"
    assert not trimmed.acquire(blocking=False)
