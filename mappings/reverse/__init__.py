"""From our fields back into foreign words: derived from the mapping, held to the lens laws."""

from mappings.reverse.laws import FieldWay, way, ways
from mappings.reverse.lens import ReverseError, put

__all__ = ["FieldWay", "ReverseError", "put", "way", "ways"]
