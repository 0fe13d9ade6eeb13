"""
Kind name -> connector class, loaded only when asked for; the one list of what this Tieline can talk to.

Kinds with code of their own are listed here. Declared kinds are manifests: those of ``connectors/catalogue/`` and
those in a folder of the user's (``add_folder``), which needs nothing of this checkout to change.
"""

from __future__ import annotations

import difflib
import importlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.kit.contract import Connector
from connectors.kit.quality import Sheet, read_sheet
from core.errors import DefinitionError, NotFoundError

if TYPE_CHECKING:  # the engine of manifests is loaded with the first declared kind that is asked for
    from connectors.kit.declared.connector import Declared

KINDS: dict[str, str] = {
    "alertmanager": "connectors.alertmanager.connector:Alertmanager",
    "kingdee_k3cloud": "connectors.kingdee_k3cloud.connector:K3Cloud",
    "memory": "connectors.memory.connector:Memory",
    "modbus": "connectors.modbus.connector:Modbus",
    "mqtt": "connectors.mqtt.connector:Mqtt",
    "opcua": "connectors.opcua.connector:OpcUa",
    "prometheus": "connectors.prometheus.connector:Prometheus",
    "redmine": "connectors.redmine.connector:Redmine",
    "roundup": "connectors.roundup.connector:Roundup",
    "salesforce": "connectors.salesforce.connector:Salesforce",
    "smtp": "connectors.smtp.connector:Smtp",
    "sql": "connectors.sql.connector:Sql",
    "tryton": "connectors.tryton.connector:Tryton",
    "webhook": "connectors.webhook.connector:Webhook",
    "yonyou_u8": "connectors.yonyou_u8.connector:YonyouU8",
    "yonyou_yonbip": "connectors.yonyou_yonbip.connector:YonBip",
    "zabbix": "connectors.zabbix.connector:Zabbix",
}
"""The kinds with code of their own."""

CATALOGUE = Path(__file__).parent / "catalogue"
"""The declared kinds that come with Tieline: a folder each."""

_folders: list[Path] = []
_made: dict[str, type[Declared]] = {}
_lock = threading.Lock()


def add_folder(folder: Path) -> None:
    """Also know the manifests of this folder: KIND.yaml, or KIND/manifest.yaml. A folder that is not there is empty."""
    if folder not in _folders:
        _folders.append(folder)


def forget_folders() -> None:
    """Know only what comes with Tieline; for tests."""
    _folders.clear()
    for kind in [kind for kind in _made if not (CATALOGUE / kind / "manifest.yaml").is_file()]:
        del _made[kind]


def declared_names() -> tuple[str, ...]:
    """Return the names of the declared kinds; the user's own included."""
    found = {path.parent.name for path in CATALOGUE.glob("*/manifest.yaml")}
    for folder in _folders:
        found |= {path.stem for path in folder.glob("*.yaml")} | {path.parent.name for path in folder.glob("*/manifest.yaml")}
    return tuple(sorted(found - KINDS.keys()))


def kind_names() -> tuple[str, ...]:
    """Return every kind's name."""
    return tuple(sorted({*KINDS, *declared_names()}))


def manifest_path(kind: str) -> Path | None:
    """Return where the manifest of a declared kind is; what comes with Tieline goes before the user's."""
    if not kind.replace("_", "").isalnum():
        return None
    places = [CATALOGUE / kind / "manifest.yaml"]
    places += [path for folder in _folders for path in (folder / f"{kind}.yaml", folder / kind / "manifest.yaml")]
    return next((path for path in places if path.is_file()), None)


def connector_class(kind: str) -> type[Connector]:
    """Return the class of a kind; an unknown name is answered with the known ones and the nearest."""
    if kind in KINDS:
        module, _, name = KINDS[kind].partition(":")
        found: type[Connector] = getattr(importlib.import_module(module), name)
        return found
    made = _made.get(kind)
    return made if made is not None else _declared(kind)


def sheet_of(kind: str) -> Sheet:
    """Return the quality sheet of a kind: what was proven, against what."""
    if kind in KINDS:
        return read_sheet(kind)
    from connectors.kit.declared import evidence
    from connectors.kit.declared.connector import Declared

    made = connector_class(kind)
    path = manifest_path(kind)
    assert path is not None
    assert issubclass(made, Declared)
    folder = path.parent if path.name == "manifest.yaml" else path.parent / kind
    return evidence.sheet_of(made.manifest, folder)


def _declared(kind: str) -> type[Declared]:
    path = manifest_path(kind)
    if path is None:
        names = kind_names()
        near = difflib.get_close_matches(kind, names, n=1)
        raise NotFoundError(
            f"There is no kind {kind!r}.",
            why=f"Tieline knows: {', '.join(names)}." + (f" Did you mean {near[0]!r}?" if near else ""),
            fix="Use one of these kinds.",
        )
    from connectors.kit.declared.connector import connector_of
    from connectors.kit.declared.reading import read_manifest_file

    manifest = read_manifest_file(path)
    if manifest.kind != kind:
        raise DefinitionError(
            f"The manifest {path.name} is of another kind.",
            why=f"It says kind: {manifest.kind}, and stands where {kind} is looked for.",
            fix="Give file and kind the same name.",
        )
    with _lock:
        return _made.setdefault(kind, connector_of(manifest))
