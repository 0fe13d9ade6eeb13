"""``python -m tests.house.steps_page > docs/reference/steps.md``: the page of steps, made from the code."""

from __future__ import annotations

import sys

from mappings.translate.steps import reference

if __name__ == "__main__":
    sys.stdout.write(reference())
