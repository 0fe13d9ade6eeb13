"""From a manifest to the contract: the Kind that forms, mappings and lineage read, and the model of its settings."""

from __future__ import annotations

from typing import Any

from pydantic import Field as Setting
from pydantic import SecretStr, create_model
from pydantic.errors import PydanticUserError
from pydantic_core import SchemaError

from connectors.kit.contract import Act, Door, Field, Kind, Lookup, Settings, Stream, Text
from connectors.kit.declared.manifest import FieldSpec, Manifest
from connectors.kit.declared.manifest import Setting as SettingSpec
from connectors.kit.fields import CaFile, CredentialsEnd, TimeoutS
from connectors.kit.reach import AllowedNetworks
from core.errors import DefinitionError

_TYPES: dict[str, type] = {"string": str, "integer": int, "number": float, "boolean": bool}


def kind_of(manifest: Manifest) -> Kind:
    """Describe the kind that a manifest declares."""
    pushed = {one.stream for one in manifest.push}
    return Kind(
        name=manifest.kind,
        title=Text(manifest.title.en, manifest.title.zh),
        settings=settings_model(manifest),
        streams=tuple(
            Stream(name, one.help, fields(one.fields), polled=True, pushed=name in pushed, every_s=one.every_s)
            for name, one in manifest.streams.items()
        ),
        lookups=tuple(
            Lookup(name, one.help, fields(one.inputs), fields(one.outputs)) for name, one in manifest.lookups.items()
        ),
        acts=tuple(
            Act(name, one.help, fields(one.arguments), one.repeat, one.permission) for name, one in manifest.acts.items()
        ),
        door=_door(manifest),
        counted_ids=manifest.counted_ids,
        versions=manifest.versions,
    )


def _door(manifest: Manifest) -> Door | None:
    if manifest.door is None:
        return None
    return Door(tuple(manifest.door.schemes), manifest.door.id_header, manifest.door.window_s)


def fields(specs: dict[str, FieldSpec]) -> tuple[Field, ...]:
    """Return declared fields as the contract writes them."""
    return tuple(
        Field(name, one.type, one.help, required=one.required, words=tuple(one.words or ()), unit=one.unit)
        for name, one in specs.items()
    )


def settings_model(manifest: Manifest) -> type[Settings]:
    """Build the settings model: what the manifest names, and what every declared kind has."""
    members: dict[str, Any] = {name: _member(spec) for name, spec in manifest.settings.items()}
    members |= {
        "ca_file": (CaFile, None),
        "timeout_s": (TimeoutS, 10.0),
        "allowed_networks": (AllowedNetworks, Setting(default=[])),
        "credentials_end": (CredentialsEnd, None),
    }
    try:
        return create_model(f"{manifest.kind.title().replace('_', '')}Settings", __base__=Settings, **members)
    except (PydanticUserError, SchemaError, ValueError, TypeError) as error:
        raise DefinitionError(
            f"The settings of the manifest {manifest.kind} cannot be used.",
            why=f"{' '.join(str(error).split())[:400]}.",
            fix="Correct the pattern or the default of the setting that is named.",
        ) from None


def _member(spec: SettingSpec) -> tuple[Any, Any]:
    of_type: Any = SecretStr if spec.secret else _TYPES[spec.type]
    extra: dict[str, Any] = {"zh": spec.zh}
    if spec.words:
        from typing import Literal

        of_type = Literal[tuple(spec.words)]
    if spec.example:
        extra["examples"] = [spec.example]
    more: dict[str, Any] = {"title": spec.title, "description": spec.help, "json_schema_extra": extra}
    if spec.pattern is not None and not spec.secret:
        more["pattern"] = spec.pattern
    if spec.default is not None:
        return of_type, Setting(default=spec.default, **more)
    if spec.optional:
        return of_type | None, Setting(default=None, **more)
    return of_type, Setting(**more)
