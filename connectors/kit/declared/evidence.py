"""How far the exchanges of a declared kind carry: *documented* only if every part of it is written from a source."""

from __future__ import annotations

from pathlib import Path

from connectors.kit.declared.exchanges import Collection, read_exchanges
from connectors.kit.declared.manifest import Manifest
from connectors.kit.quality import LEVELS, RULES, Evidence, Sheet, check_sheet

_WORTH = {"low": 0, "medium": 1, "high": 2}


def parts_of(manifest: Manifest) -> list[str]:
    """Return everything that a kind offers and that needs an exchange."""
    found = ["check", *(f"stream {one}" for one in manifest.streams), *(f"lookup {one}" for one in manifest.lookups)]
    found += [f"act {one}" for one in manifest.acts]
    return [*found, "push"] if manifest.push else found


def sources_of(manifest: Manifest, collection: Collection) -> dict[str, str | None]:
    """Return how sure the best good exchange of each part is; None where there is none."""
    found: dict[str, str | None] = dict.fromkeys(parts_of(manifest))
    for one in collection.exchanges:
        best = found.get(one.subject)
        if one.expect.error is None and one.subject in found and (best is None or _WORTH[one.confidence] > _WORTH[best]):
            found[one.subject] = one.confidence
    return found


def highest(manifest: Manifest, collection: Collection) -> str:
    """Return the highest level that exchanges can prove: recalled facts, or a part without a source, leave *declared*."""
    sure = all(one in ("medium", "high") for one in sources_of(manifest, collection).values())
    tells_errors = any(one.expect.error is not None and one.confidence != "low" for one in collection.exchanges)
    return "documented" if sure and tells_errors and manifest.confidence != "low" else "declared"


def sheet_of(manifest: Manifest, folder: Path) -> Sheet:
    """Return the sheet beside a manifest, claiming no more than its exchanges carry; a missing one claims nothing."""
    try:
        sheet = check_sheet(manifest.kind, (folder / "quality.yaml").read_text(encoding="utf-8"))
    except OSError:
        nothing = Evidence.model_validate(
            {"level": "declared", "date": "1970-01-01", "version": manifest.versions, "what": "the manifest is valid"}
        )
        return Sheet(manifest.kind, dict.fromkeys(RULES, ("todo", "no quality sheet beside the manifest")), (nothing,))
    limit = LEVELS.index(highest(manifest, read_exchanges(folder)))
    if sheet.level == "documented" and limit < LEVELS.index("documented"):
        less = [one.model_copy(update={"level": "declared"}) if one.level == "documented" else one for one in sheet.evidence]
        return Sheet(sheet.kind, sheet.rules, tuple(less))
    return sheet
