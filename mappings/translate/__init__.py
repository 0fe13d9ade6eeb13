"""From a record in foreign words to fields in ours: paths, steps, and the compiled mapping."""

from mappings.translate.compile import (
    FieldTrouble,
    Mapping,
    Translated,
    Translation,
    TranslationError,
    compile_mapping,
    translate,
)

__all__ = [
    "FieldTrouble",
    "Mapping",
    "Translated",
    "Translation",
    "TranslationError",
    "compile_mapping",
    "translate",
]
