"""Which names a manifest's slots may use in which place: every fault with its place, the known names and the near one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from pydantic import BaseModel

from connectors.kit.declared.credentials import OAuth2, TokenAuth
from connectors.kit.declared.manifest import Act, Manifest
from connectors.kit.declared.slots import slots_of, texts_in
from connectors.kit.declared.wire import Request, Sign
from core.words import Json

Fault = tuple[str, str]
"""(dotted place, what is wrong)"""

BUILT_IN = ("uuid", "now")
_SWEEP = ("since", "limit", "offset", "page", "next", "last")
_ACT = ("key", "key_id")


def near(name: str, known: Iterable[str]) -> str:
    """
    Say which names are known and which one is near.

    >>> near("urll", ["url", "token"])
    "known: token, url. Did you mean 'url'?"
    """
    listed = sorted(known)
    close = difflib.get_close_matches(name, listed, n=1, cutoff=0.5) or [one for one in listed if one.startswith(name)]
    return f"known: {', '.join(listed) or 'none'}." + (f" Did you mean {close[0]!r}?" if close else "")


def faults(manifest: Manifest) -> Iterator[Fault]:
    """Yield every slot that names nothing, and every name that is not declared."""
    known = _everywhere(manifest)
    yield from _slots("address", manifest.address, known)
    yield from _slots("headers", manifest.headers, known)
    yield from _slots("texts", manifest.texts, known)
    yield from _auth(manifest, known)
    for name, one in manifest.before.items():
        yield from _request(manifest, f"before.{name}.request", one.request, known)
    yield from _circles(manifest)
    yield from _check(manifest, known)
    for name, stream in manifest.streams.items():
        yield from _request(manifest, f"streams.{name}.request", stream.request, {*known, *_SWEEP})
    for name, lookup in manifest.lookups.items():
        inputs = {f"in.{one}" for one in lookup.inputs}
        yield from _request(manifest, f"lookups.{name}.request", lookup.request, {*known, *inputs})
    for name, act in manifest.acts.items():
        yield from _act(manifest, name, act, known)
    yield from _variants(manifest)


def _check(manifest: Manifest, known: set[str]) -> Iterator[Fault]:
    for place, probe in enumerate(manifest.check):
        if probe.request is not None:
            yield from _request(manifest, f"check.{place}.request", probe.request, {*known, "limit"})
        elif probe.proves.startswith("sample:") and probe.cannot is None:
            stream = probe.proves.removeprefix("sample:")
            if stream not in manifest.streams:
                yield f"check.{place}.proves", f"there is no stream {stream!r}; {near(stream, manifest.streams)}"


def _variants(manifest: Manifest) -> Iterator[Fault]:
    if manifest.variants is None:
        return
    chosen = manifest.settings.get(manifest.variants.by)
    if chosen is None or not chosen.words:
        yield "variants.by", f"it names a setting with `words`; {near(manifest.variants.by, manifest.settings)}"
    elif set(chosen.words) != set(manifest.variants.cases):
        yield "variants.cases", f"they are the words of the setting: {', '.join(chosen.words)}"


def _everywhere(manifest: Manifest) -> set[str]:
    taken = {"access"} if isinstance(manifest.auth, OAuth2) else set()
    if isinstance(manifest.auth, TokenAuth | OAuth2):
        taken |= {*manifest.auth.take, "refresh"}
    return {
        *manifest.settings,
        *BUILT_IN,
        *(f"text.{name}" for name in manifest.texts),
        *(f"token.{name}" for name in taken),
        *(f"before.{name}" for one in manifest.before.values() for name in one.take),
    }


def _slots(place: str, tree: Json, known: set[str]) -> Iterator[Fault]:
    for at, text in texts_in(tree):
        for name, _ in slots_of(text):
            if name not in known:
                yield f"{place}.{at}" if at else place, f"there is no {{{name}}}; {near(name, known)}"


def _request(manifest: Manifest, place: str, request: Request, known: set[str]) -> Iterator[Fault]:
    for name, field in type(request).model_fields.items():
        value = getattr(request, name)
        if name in ("method", "before", "auth", "answer") or value is None:
            continue
        if isinstance(value, Sign):
            yield from _sign(f"{place}.sign", value, known)
        else:
            yield from _slots(f"{place}.{field.alias or name}", value, known)
    if request.before is not None and request.before not in manifest.before:
        yield f"{place}.before", f"there is no {request.before!r}; {near(request.before, manifest.before)}"


def _sign(place: str, sign: Sign, known: set[str]) -> Iterator[Fault]:
    from connectors.kit.declared.signers import SIGNERS

    signer = SIGNERS.get(sign.signer)
    if signer is None:
        yield f"{place}.signer", f"there is no signer {sign.signer!r}; {near(sign.signer, SIGNERS)}"
        return
    for name in sign.with_:
        if name not in signer.needs:
            yield f"{place}.with.{name}", f"{sign.signer} takes no {name!r}; {near(name, signer.needs)}"
    missing = [name for name in signer.needs if name not in sign.with_ and name not in signer.may]
    if missing:
        yield f"{place}.with", f"{sign.signer} also needs {', '.join(missing)}"
    yield from _slots(f"{place}.with", sign.with_, known)


def _auth(manifest: Manifest, known: set[str]) -> Iterator[Fault]:
    auth = manifest.auth
    if isinstance(auth, Sign):
        yield from _sign("auth", auth, known)
        return
    for name, field in type(auth).model_fields.items():
        value = getattr(auth, name)
        if isinstance(value, Request):
            yield from _request(manifest, f"auth.{name}", value, known)
        elif name in ("take", "scheme", "grant", "client_auth", "expires", "answer"):
            continue
        elif isinstance(value, BaseModel):
            yield from _slots(f"auth.{name}", value.model_dump(by_alias=True), known)
        elif value is not None:
            yield from _slots(f"auth.{field.alias or name}", value, known)


def _act(manifest: Manifest, name: str, act: Act, known: set[str]) -> Iterator[Fault]:
    place = f"acts.{name}"
    mine = {*known, *_ACT, *(f"arg.{one}" for one in act.arguments)}
    yield from _request(manifest, f"{place}.request", act.request, mine)
    if act.search is not None:
        yield from _request(manifest, f"{place}.search.request", act.search.request, mine)
    if act.id is not None and "{" in act.id:
        yield from _slots(f"{place}.id", act.id, mine)
    if act.verify is not None:
        yield from _request(manifest, f"{place}.verify.request", act.verify.request, {*mine, "id"})
        for at, expect in enumerate(act.verify.expect):
            yield from _slots(f"{place}.verify.expect.{at}.equals", expect.equals, {*mine, "id"})


def _circles(manifest: Manifest) -> Iterator[Fault]:
    for name in manifest.before:
        seen, at = [name], manifest.before[name].request.before
        while at is not None and at in manifest.before:
            if at in seen:
                yield f"before.{name}.request.before", f"it goes in a circle: {' -> '.join([*seen, at])}"
                break
            seen.append(at)
            at = manifest.before[at].request.before
