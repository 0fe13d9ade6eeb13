"""The small plant of the engine's tests, for what watches it."""

from tests.bridges.conftest import add_connector, plant, registered

__all__ = ["add_connector", "plant", "registered"]
