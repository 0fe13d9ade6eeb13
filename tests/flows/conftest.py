"""The flows run on the same small plant as the engine's own tests."""

from tests.bridges.conftest import add_connector, plant, registered

__all__ = ["add_connector", "plant", "registered"]
