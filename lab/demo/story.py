"""Story 1 as it happens: follow one alert through Tieline's own API, and tell each new fact once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from core.errors import TransientError
from lab.demo.client import Api
from lab.demo.landscape import Landscape
from lab.demo.texts import Speaker

PATIENCE_S = 45.0
LOOK_EVERY_S = 0.1
TECHNICIAN_THINKS_S = 2.5


class Story:
    """One run of it. ``tell`` returns when the alert is closed on both sides."""

    def __init__(self, api: Api, landscape: Landscape, speaker: Speaker, log: str) -> None:
        self.api, self.landscape, self.speaker, self.log = api, landscape, speaker, log
        self._began = time.monotonic()
        self._told: set[tuple[str, ...]] = set()

    def tell(self) -> dict[str, str]:
        """Raise a problem, follow it, resolve its ticket, follow that; return the ids people may want to look at."""
        self.speaker.say("story")
        self._began = time.monotonic()
        event_number, title = self.landscape.raise_problem()
        self._step("raised", self.landscape.monitoring_url, system="Zabbix", title=f"{title} (event {event_number})")
        alert = self._event("monitoring", event_number, "alert.created", lambda one: True)
        found = {"event": alert["id"], "alert": alert["master_id"], "receipt": alert["receipt"]}
        self._step("stored", self._page("events", alert["receipt"]), receipt=alert["receipt"])
        self._step("known", self._page("entities", found["alert"]), alert=found["alert"], device=self._device(found["alert"]))
        self._priority(found["alert"])
        trail = self._follow(alert["id"])
        done = {one["step"]: one for one in _actions(trail)}
        found["ticket"] = done["ticket"]["external_id"]
        if context := done.get("context", {}).get("external_id"):
            found["snapshot"] = context
            self._snapshot(context)
        time.sleep(TECHNICIAN_THINKS_S)
        self._step("resolves", self.landscape.ticket_url(found["ticket"]), ticket=found["ticket"])
        self.landscape.resolve_ticket(found["ticket"])
        changed = self._event("tickets", found["ticket"], "ticket.changed", _resolved)
        self._follow(changed["id"])
        self._wait(lambda: self.landscape.is_closed(event_number) or None, self._page("events", changed["id"]))
        self._step("closed", self.landscape.monitoring_url, system="Zabbix")
        self.speaker.say("took", seconds=f"{time.monotonic() - self._began:.1f}")
        balance = self.api.get("/accounting")
        self.speaker.say("balance", accepted=balance["accepted"], **balance["deliveries"])
        return found

    def _event(self, connector: str, external_id: str, kind: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until Tieline has made such an event of what arrived; the first of them, later ones may be our own echo."""

        def look() -> dict[str, Any] | None:
            listed = self.api.get("/events", connector=connector, limit=50)["items"]
            return next(
                (one for one in reversed(listed) if one["external_id"] == external_id and one["type"] == kind and wanted(one)),
                None,
            )

        found: dict[str, Any] = self._wait(look, f"{self.api.url}/deliveries")
        return found

    def _follow(self, event_id: str) -> dict[str, Any]:
        """Tell every decision and action of an event as it comes, until nothing of it waits."""

        def look() -> dict[str, Any] | None:
            trail: dict[str, Any] = self.api.get(f"/events/{event_id}")
            self._decisions(trail, event_id)
            for one in _actions(trail):
                self._action(one)
            over = all(one["state"] in ("done", "skipped", "dead") for one in _actions(trail))
            return trail if over and _actions(trail) else None

        found: dict[str, Any] = self._wait(look, self._page("events", event_id))
        return found

    def _decisions(self, trail: dict[str, Any], event_id: str) -> None:
        for one in (made for event in trail["events"] for made in event["decisions"]):
            if not self._new("decision", one["id"]):
                continue
            if one["verdict"] == "fired":
                self._step("decided", self._page("events", event_id), bridge=one["bridge"], actions=one["actions"])
            else:
                clause = one["clause"] or one["reason"]
                self._step("not_fired", bridge=one["bridge"], clause=clause, left=one["left"], right=one["right"])

    def _action(self, one: dict[str, Any]) -> None:
        where, act, state = one["connector"], one["act"], one["state"]
        if state == "done" and self._new("action", one["id"], state):
            note = (one.get("outcome") or {}).get("note")
            result = f" -> {one['external_id']}" if one["external_id"] else ""
            if where is None:
                self._step("own", self._page("snapshots", one["external_id"]), result=result)
                return
            link = self.landscape.monitoring_url if where == "monitoring" else self.landscape.ticket_url(one["external_id"])
            self._step("acted", link, act=act, connector=where, result=result, note=f" · {note}" if note else "")
        elif state in ("dead", "skipped") and self._new("action", one["id"], state):
            self._step("failed", act=act, connector=where, state=state, reason=one["reason"])
        elif state == "held" and not one["held_by"].startswith("step:") and self._new("action", one["id"], one["held_by"]):
            self._step("failed", act=act, connector=where, state=state, reason=one["held_by"])
        elif state == "waiting" and (tries := one["attempts"]) and self._new("action", one["id"], str(len(tries))):
            self._step("waits", act=act, connector=where, reason=one["reason"] or tries[-1]["outcome"])

    def _snapshot(self, snapshot_id: str) -> None:
        seen = self.api.get(f"/snapshots/{snapshot_id}")
        link = self._page("snapshots", snapshot_id)
        for name, one in seen["facets"].items():
            title = (one.get("title") or {}).get(self.speaker.chosen) or name
            self._step("facet", link, facet=title, status=one["status"], values=_short(one["values"]) or one["reason"] or "")
            link = ""

    def _priority(self, alert: str) -> None:
        priority = self.api.get(f"/entities/{alert}")["fields"].get("priority", {}).get("value")
        self._step("computed", self._page("lineage", alert, "priority"), priority=priority)

    def _device(self, alert: str) -> str:
        device = self.api.get(f"/entities/{alert}")["fields"].get("device", {}).get("value")
        return str(device or "?")

    def _wait(self, look: Callable[[], Any], link: str) -> Any:
        until = time.monotonic() + PATIENCE_S
        while (found := look()) is None:
            if time.monotonic() > until:
                text = self.speaker.text("gave_up", seconds=round(PATIENCE_S), link=link, log=self.log)
                raise TransientError(text, why="", fix="")
            time.sleep(LOOK_EVERY_S)
        return found

    def _new(self, *key: str) -> bool:
        seen = key in self._told
        self._told.add(key)
        return not seen

    def _page(self, *parts: str) -> str:
        return "/".join((self.api.url, *parts))

    def _step(self, name: str, link: str = "", /, **values: object) -> None:
        self.speaker.step(time.monotonic() - self._began, name, link, **values)


def _actions(trail: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for event in trail["events"] for one in event["actions"]]


def _resolved(event: dict[str, Any]) -> bool:
    before_after = (event["changes"] or {}).get("status", [None, None])
    return bool(before_after[1] == "resolved")


def _short(values: dict[str, Any] | None) -> str:
    """
    Write a facet's values on one line.

    >>> _short({"mean": 61.2345, "unit": "%", "tickets": [{"id": "1"}], "absent": None})
    'mean 61.23, unit %, tickets 1'
    """
    shown = []
    for name, one in (values or {}).items():
        if one is not None:
            shown.append(
                f"{name} {len(one) if isinstance(one, list | dict) else round(one, 2) if isinstance(one, float) else one}"
            )
    return ", ".join(shown)
