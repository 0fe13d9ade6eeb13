"""The crosswalk as files: CSV, XLSX and JSON lines, in and out, a line at a time; see docs/how-to/move-ids.md."""

from mappings.interchange.bringing import Report, Terms, bring
from mappings.interchange.lines import COLUMNS, FORMATS, Fault, Line, Progress, Told, format_of
from mappings.interchange.reading import open_lines
from mappings.interchange.taking import count, take_out
from mappings.interchange.writing import open_writer

__all__ = [
    "COLUMNS",
    "FORMATS",
    "Fault",
    "Line",
    "Progress",
    "Report",
    "Terms",
    "Told",
    "bring",
    "count",
    "format_of",
    "open_lines",
    "open_writer",
    "take_out",
]
