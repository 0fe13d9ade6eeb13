"""Which hosts a connector talks to: those that its settings or its manifest name, never one that an answer made up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from connectors.kit.declared.manifest import Manifest
from connectors.kit.declared.slots import filler, slots_of, texts_in
from core.errors import SetupError

_WITH_ADDRESSES = {"address", "auth", "check", "streams", "lookups", "acts", "before"}


def known_hosts(manifest: Manifest, settings: Mapping[str, Any]) -> set[str]:
    """Return the hosts in the addresses of the settings and of the manifest's texts."""
    found = {urlsplit(value).hostname for value in settings.values() if isinstance(value, str) and "://" in value}
    for _, text in texts_in(manifest.model_dump(mode="json", by_alias=True, include=_WITH_ADDRESSES)):
        if "://" in text and all(name in settings for name, _ in slots_of(text)):
            filled = filler(text)(settings)
            found.add(urlsplit(str(filled)).hostname if filled else None)
    return {host for host in found if host}


def judge_host(manifest: Manifest, settings: Mapping[str, Any], host: str, origin: str, system: str) -> None:
    """Refuse an address that an answer gave us, unless its host is known or allowed by the manifest."""
    known = known_hosts(manifest, settings)
    endings = tuple(one[1:] for one in manifest.hosts if one.startswith("*."))
    if host in known or host in manifest.hosts or (endings and host.endswith(endings)):
        return
    raise SetupError(
        f"{system} sends us to another place: {origin}.",
        why=f"It talks to {', '.join([*sorted(known), *manifest.hosts])} only, so that its credentials go nowhere else.",
        fix="Correct the connector's address; if the place is right, add the host to `hosts` of the manifest.",
    )
