"""From a record in foreign words to fields in ours, and back: paths, steps, and the compiled mapping."""

from mappings.translate.compile import Mapping, compile_mapping, translate
from mappings.translate.crosswalk import Reference
from mappings.translate.step import Looked
from mappings.translate.tables import CodeTable, compile_tables
from mappings.translate.translation import FieldTrouble, Taken, Translated, Translation, TranslationError

__all__ = [
    "CodeTable",
    "FieldTrouble",
    "Looked",
    "Mapping",
    "Reference",
    "Taken",
    "Translated",
    "Translation",
    "TranslationError",
    "compile_mapping",
    "compile_tables",
    "translate",
]
