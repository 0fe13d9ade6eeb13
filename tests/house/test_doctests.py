"""Every example in a docstring runs and says the truth."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

from tests.house.imports import module_of
from tests.house.tree import name, room_files

WITH_EXAMPLES = [path for path in room_files() if ">>> " in path.read_text()]


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=name)
def test_examples_in_docstrings_hold(path: Path) -> None:
    """The examples of this module give what they show."""
    module = importlib.import_module(module_of(path))
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert result.attempted > 0
    assert result.failed == 0
