"""The JSON Schema of manifests: what editors complete from, and what docs/reference/manifest.schema.json is."""

from __future__ import annotations

from typing import Any

from connectors.kit.declared.manifest import Manifest
from connectors.kit.declared.signers import SIGNERS
from connectors.kit.declared.slots import FORMS
from connectors.kit.declared.wire import SORTS


def json_schema() -> dict[str, Any]:
    """Return the schema, its closed lists written out."""
    schema = Manifest.model_json_schema(by_alias=True)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Tieline manifest", **schema}
    signer = schema["$defs"]["Sign"]["properties"]["signer"]
    signer |= {"enum": list(SIGNERS), "description": "; ".join(f"{name}: {one.help}" for name, one in SIGNERS.items())}
    schema["$defs"]["SignAuth"]["properties"]["signer"] = signer
    schema["$defs"]["Rule"]["properties"]["as"]["description"] = "; ".join(f"{name}: {text}" for name, text in SORTS.items())
    schema["description"] = "Slots are {name} or {name:form}. Forms: " + "; ".join(
        f"{name}: {text}" for name, text in FORMS.items()
    )
    return schema
