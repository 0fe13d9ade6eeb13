"""The connector of every declared kind: one class per manifest, made when it is first asked for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, ClassVar

import orjson
from pydantic import SecretStr

from connectors.kit.contract import CheckReport, Connector, Settings, Step
from connectors.kit.declared import sweeps
from connectors.kit.declared.caller import Caller
from connectors.kit.declared.credentials import OAuth2, TokenAuth
from connectors.kit.declared.decoding import moment_of, rows_of, shaped_fields
from connectors.kit.declared.judging import Got
from connectors.kit.declared.kinds import kind_of
from connectors.kit.declared.manifest import Act, Manifest, Probe
from connectors.kit.declared.paths import path
from connectors.kit.declared.predicates import every, some
from connectors.kit.declared.pushes import Readers
from connectors.kit.declared.reading import variant
from connectors.kit.declared.slots import filler
from connectors.kit.declared.wire import Request
from connectors.kit.shapes import shaped
from core.clock import Clock
from core.errors import InputError, PermissionDeniedError, RefusedError
from core.strict import read_json
from core.words import Delivery, Found, Json, Outcome, Page, Record, Verified

_UNPROVEN = "Nothing to do now: the first real use shows it."
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_:.-]{1,64}")


class Declared(Connector):
    """One registered instance of a declared kind."""

    manifest: ClassVar[Manifest]
    editions: ClassVar[dict[str, tuple[Manifest, Readers]]]

    def __init__(self, name: str, settings: Settings, *, clock: Clock | None = None) -> None:
        super().__init__(name, settings, clock=clock)
        self._plain = plain_settings(settings)
        self._is, _ = self.edition(self._plain)
        self.caller = Caller(name, self._is, self._plain, self.clock, lambda: self.tokens)

    def check(self) -> CheckReport:
        """Take the steps that the manifest declares; each says what it proves."""
        report = CheckReport()
        for probe in self._is.check:
            if probe.cannot is not None:
                report.steps.append(
                    Step(probe.proves, ok=False, detail=probe.cannot, fix="See the first real use.", needed=False)
                )
            elif not report.run(probe.proves, lambda probe=probe: self._probed(probe), needed=probe.needed) and probe.needed:  # type: ignore[misc]
                break  # what stands on it would only fail for the same reason
        return report

    @classmethod
    def parse(cls, delivery: Delivery, settings: Settings) -> list[Record]:
        """Read a polled page, or a body that such a system pushed."""
        plain = plain_settings(settings)
        _, readers = cls.edition(plain)
        body = read_json(delivery.body)
        if delivery.stream is None:
            return readers.push(body, plain)
        if not isinstance(body, dict) or not isinstance(body.get("records"), list):
            raise InputError(
                f"This is no page of {delivery.stream}.",
                why="A page is an object with a list of records.",
                fix="Poll it again.",
            )
        cls.kind.stream(delivery.stream)
        return readers.page(delivery.stream, body["records"], plain)

    @classmethod
    def edition(cls, settings: Mapping[str, Any]) -> tuple[Manifest, Readers]:
        """Return the manifest as it is for these settings, and its readers; compiled once per edition."""
        chosen = cls.manifest.variants
        word = str(settings.get(chosen.by)) if chosen is not None else ""
        known = cls.editions.get(word)
        if known is None:
            manifest = variant(cls.manifest, word)
            known = cls.editions[word] = (manifest, Readers(manifest))
        return known

    def poll(self, stream: str, cursor: Json, limit: int = 500) -> Page:
        """Read one page of a stream; its records are kept as they came."""
        self.kind.stream(stream)
        spec = self._is.streams[stream]
        sweep = sweeps.Sweep.of(cursor)
        scope = sweep.asked(spec, limit, self.clock.now())
        got = self._read_page(spec.request, scope, sweep.place if spec.paging and spec.paging.by == "link" else None)
        rows = rows_of(got.body, spec.records, spec.decode, f"{self.name}: {stream}")
        then, more = sweeps.after(sweep, spec, got, rows, self._plain, limit)
        return Page(orjson.dumps({"records": rows}), then.stored(), more=more, count=len(rows))

    def _read_page(self, request: Request, scope: dict[str, Any], link: Json) -> Got:
        if link is None:
            return self.caller.send(request, scope)
        return self.caller.send(request, scope, link=str(link))

    def lookup(self, name: str, inputs: Mapping[str, Json], *, timeout_s: float) -> Found:
        """Read for one subject."""
        offered, spec = self.kind.lookup(name), self._is.lookups[name]
        shaped(dict(inputs), offered.inputs, f"input of {name}")
        got = self.caller.send(spec.request, {"in": inputs}, timeout_s=timeout_s)
        source = f"{self.kind.name} {got.answer.place}"
        if got.sort == "not_found" or (spec.absent and every(spec.absent)(got.answer.status, got.body, "")):
            return Found({}, self.clock.now(), source, absent=True)
        body = got.body
        if spec.decode:
            body = {"records": rows_of(body, "$", spec.decode, f"{self.name}: {name}")}
        values = shaped_fields(body, spec.outputs, self._plain, f"answer of {name}")
        at = moment_of(spec.at, body, self._plain, f"answer of {name}")
        return Found(values, at if at is not None else self.clock.now(), source)

    def act(self, name: str, arguments: Mapping[str, Json], *, key: str) -> Outcome:
        """Do one write, after a look whether it is done already where the manifest says so."""
        offered, spec = self.kind.act(name), self._is.acts[name]
        shaped(dict(arguments), offered.arguments, f"arguments of {name}")
        scope = self._act_scope(arguments, key)
        if spec.search is not None:
            found = self.caller.send(spec.search.request, scope)
            known = path(spec.search.id)(found.body) if found.sort == "ok" else None
            if known not in (None, "", []):
                return Outcome(external_id=str(known), repeated=True, response={"found": str(known)})
        got = self.caller.send(spec.request, scope)
        return self._outcome(name, spec, scope, got)

    def preview(self, name: str, arguments: Mapping[str, Json], *, key: str) -> list[dict[str, Json]] | None:
        """Return the requests that an act would send; nothing is sent, tokens and signatures are not shown."""
        offered, spec = self.kind.act(name), self._is.acts[name]
        shaped(dict(arguments), offered.arguments, f"arguments of {name}")
        scope = self._act_scope(arguments, key)
        wanted = [spec.request] if spec.search is None else [spec.search.request, spec.request]
        return [self.caller.preview(one, scope) for one in wanted]

    def _act_scope(self, arguments: Mapping[str, Json], key: str) -> dict[str, Any]:
        digest = hashlib.sha256(key.encode()).hexdigest()
        return {"arg": arguments, "key": key if _PLAIN_KEY.fullmatch(key) else f"tl-{digest[:40]}", "key_id": digest[:32]}

    def _outcome(self, name: str, spec: Act, scope: Mapping[str, Any], got: Got) -> Outcome:
        made: Json = None
        if spec.id is not None:
            made = filler(spec.id)({**self._plain, **scope}) if "{" in spec.id else path(spec.id)(got.body)
        partial = bool(spec.partial) and some(spec.partial)(got.answer.status, got.body, "")
        left_out = path(spec.partial_words)(got.body) if partial and spec.partial_words else None
        note = None
        if partial:
            said = left_out if isinstance(left_out, str) else orjson.dumps(left_out).decode() if left_out is not None else ""
            note = f"Only a part was done; not done: {self.caller.redact(said)[:300]}"
        return Outcome(
            external_id=None if made is None else str(made),
            version=_text(path(spec.version)(got.body)) if spec.version else None,
            fields={one: value for one, where in spec.fields.items() if (value := path(where)(got.body)) is not None},
            note=note,
            degraded=partial,
            repeated=got.sort == "duplicate_ok",
            request={"act": name, "place": got.answer.place},
            response={"status": got.answer.status, "body": self.caller.redact(got.answer.text)[:2000]},
        )

    def verify(self, name: str, arguments: Mapping[str, Json], outcome: Outcome) -> Verified:
        """Read back, or say why that cannot be done."""
        self.kind.act(name)
        spec = self._is.acts[name]
        if spec.verify is None:
            return Verified(held=True, why=spec.unverifiable or "")
        scope = {**self._act_scope(arguments, ""), "id": outcome.external_id}
        got = self.caller.send(spec.verify.request, scope)
        seen = {one: path(where)(got.body) for one, where in spec.verify.seen.items()}
        if got.sort == "not_found":
            return Verified(held=False, seen=seen, why="There is no such thing there.")
        if spec.verify.holds and not every(spec.verify.holds)(got.answer.status, got.body, got.answer.text):
            return Verified(held=False, seen=seen, why=f"It says: {self.caller.redact(got.answer.text)[:300]}")
        whole = {**self._plain, **scope}
        for expect in spec.verify.expect:
            wanted, there = filler(expect.equals)(whole), path(expect.at)(got.body)
            if wanted is not None and _text(there) != _text(wanted):
                return Verified(held=False, seen=seen, why=f"{expect.at} is {_text(there)!r}, not {_text(wanted)!r}.")
        return Verified(held=True, seen=seen)

    def close(self) -> None:
        """Give the sockets back."""
        self.caller.close()

    def _probed(self, probe: Probe) -> str:
        if probe.request is None:
            if probe.proves.startswith("sample:"):
                return f"{self.poll(probe.proves.removeprefix('sample:'), None, 1).count} read"
            if isinstance(self._is.auth, TokenAuth | OAuth2):
                self.caller.token()
                return "a token was given"
            return ""
        try:
            got = self.caller.send(probe.request, {"limit": 1})
        except (RefusedError, PermissionDeniedError) as error:
            if probe.any_answer and error.facts.get("status"):
                return f"answered {error.facts['status']}"
            raise
        if probe.any_answer:
            return f"answered {got.answer.status}"
        if got.sort == "not_found" or (probe.holds and not every(probe.holds)(got.answer.status, got.body, got.answer.text)):
            raise RefusedError(
                f"{self.name} answers, but not as it must ({got.answer.place}).",
                why=f"It says: {self.caller.redact(got.answer.text)[:300]}",
                fix="Compare the settings with what the manifest asks for.",
            )
        said = path(probe.say)(got.body) if probe.say else None
        return self.caller.redact(_text(said) or f"answered {got.answer.status}")[:200]


def plain_settings(settings: Settings) -> dict[str, Any]:
    """Return the settings with their secrets open; never shown, only sent."""
    shown = {name: getattr(settings, name) for name in type(settings).model_fields}
    return {
        name: one.get_secret_value() if isinstance(one, SecretStr) else one for name, one in shown.items() if one is not None
    }


def _text(value: Json) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


def connector_of(manifest: Manifest) -> type[Declared]:
    """Return the connector class of a manifest."""
    name = "".join(part.title() for part in manifest.kind.split("_"))
    members = {"kind": kind_of(manifest), "manifest": manifest, "editions": {}, "__doc__": manifest.title.en}
    return type(name, (Declared,), members)
