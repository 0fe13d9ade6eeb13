"""The check: what can be proven by reading only, step by step, and honestly what cannot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connectors.kit.contract import CheckReport, Step
from connectors.zabbix.lookups import NUMERIC
from connectors.zabbix.poll import Call
from core.errors import PermissionDeniedError, TielineError

MARK = "tieline"  #: stands in the script that push.py prints
SKEW_S = 5
RULES = {
    "acknowledge_problems": "Acknowledge problems",
    "add_problem_comments": "Add problem comments",
    "close_problems": "Close problems",
}
WEBHOOK = "4"


def check(
    call: Call,
    version: Callable[[], str],
    who: Callable[[], dict[str, Any]],
    skew: Callable[[], float | None],
    sample: Callable[[], str],
    known_as: str | None,
) -> CheckReport:
    """Prove reachability, credentials, each permission, a sample read; then say what is known of the push and the clocks."""
    report = CheckReport()
    if not report.run("reachable", version) or not report.run("credentials", lambda: _signed_in(call, who)):
        return report
    report.steps += _username(who(), known_as)
    report.run("permission:host.get", lambda: _hosts(call))
    report.run("permission:problem.get", lambda: _counted(call, "problem.get", "open problems"))
    report.run("permission:event.get", lambda: _counted(call, "event.get", "events", value=1))
    report.run("permission:history.get", lambda: _history(call), needed=False)
    report.steps.append(_acknowledge(call, who))
    report.steps.append(_close(call))
    report.run("sample:problems", sample)
    report.steps.append(_clock(skew()))
    report.steps.append(_push(call))
    return report


def _signed_in(call: Call, who: Callable[[], dict[str, Any]]) -> str:
    call("host.get", {"countOutput": True})  # proves the token, also an API token, which signing in does not
    name = _name(who())
    return f"Signed in as {name}." if name else "The API token is accepted."


def _name(user: dict[str, Any]) -> str | None:
    return user.get("username") or user.get("alias")  # alias: before 5.4


def _username(user: dict[str, Any], known_as: str | None) -> list[Step]:
    """Warn where we could not recognise our own changes: with an API token, only the setting says whose it is."""
    name = _name(user)
    if known_as is not None and name in (None, known_as):
        return []
    told = (
        f"Zabbix knows us as {name!r}, the setting says {known_as!r}." if name else "Zabbix does not tell whose token this is."
    )
    fix = f"Set username to {name or 'the name of the user the token belongs to'}, so that our own changes are recognised."
    return [Step("setting:username", ok=False, detail=told, fix=fix, needed=False)]


def _hosts(call: Call) -> str:
    seen, editable = (
        int(call("host.get", {"countOutput": True})),
        int(call("host.get", {"countOutput": True, "editable": True})),
    )
    if not seen:
        raise PermissionDeniedError(
            "Zabbix shows us no host.",
            why="Our user's groups have no read permission on any host group; problems would stay invisible without an error.",
            fix="Zabbix: Administration > User groups > Permissions: give our user's group read-write on the host groups.",
        )
    return f"{seen} hosts are visible, {editable} of them with write permission."


def _counted(call: Call, method: str, what: str, **more: Any) -> str:
    return f"{call(method, {'countOutput': True, **more})} {what} are visible."


def _history(call: Call) -> str:
    items = call(
        "item.get", {"output": ["itemid", "value_type"], "filter": {"value_type": list(NUMERIC)}, "monitored": True, "limit": 1}
    )
    if not items:
        return "The call is allowed; there is no numeric item to read."
    rows = call("history.get", {"history": int(items[0]["value_type"]), "itemids": [items[0]["itemid"]], "limit": 1})
    return f"Item {items[0]['itemid']} answered with {len(rows)} value(s)."


def _acknowledge(call: Call, who: Callable[[], dict[str, Any]]) -> Step:
    """Read our own role's rules; 5.0 has no roles, and a role can hide them from us."""
    name = "permission:event.acknowledge"
    try:
        roleid = who().get("roleid")
        roles = (
            call(
                "role.get",
                {
                    "roleids": [roleid],
                    "output": ["name"],
                    "selectRules": ["actions", "actions.default_access", "api.access", "api.mode", "api"],
                },
            )
            if roleid
            else []
        )
    except TielineError as error:
        return Step(name, ok=False, detail=f"Not proven: {error.what} {error.why}", fix=_LOOK, needed=False)
    if not roles:
        return Step(name, ok=False, detail="Not proven: Zabbix does not tell our role.", fix=_LOOK, needed=False)
    rules = roles[0]["rules"]
    allowed = {rule["name"]: str(rule["status"]) == "1" for rule in rules.get("actions", [])}
    lacking = [word for rule, word in RULES.items() if not allowed.get(rule, str(rules.get("actions.default_access")) == "1")]
    if not _may_call(rules, "event.acknowledge"):
        lacking.append("API method event.acknowledge")
    role = roles[0]["name"]
    if lacking:
        fix = f"Zabbix: Administration > User roles > {role}: switch on {', '.join(lacking)}."
        return Step(name, ok=False, detail=f"Role {role!r} lacks: {', '.join(lacking)}.", fix=fix)
    return Step(name, ok=True, detail=f"Role {role!r} allows: {', '.join(RULES.values())}.")


_LOOK = "Zabbix: Administration > User roles: our role needs Acknowledge problems, Add problem comments and Close problems."


def _may_call(rules: dict[str, Any], method: str) -> bool:
    if str(rules.get("api.access", "1")) != "1":
        return False
    listed = any(pattern in (method, "event.*", "*", "*.*", "*.acknowledge") for pattern in rules.get("api", []))
    return listed if str(rules.get("api.mode", "0")) == "1" else not listed


def _close(call: Call) -> Step:
    name = "permission:close"
    try:
        writable, closable = (
            int(call("trigger.get", {"countOutput": True, "editable": True, **more}))
            for more in ({}, {"filter": {"manual_close": 1}})
        )
    except TielineError as error:
        return Step(name, ok=False, detail=f"Not proven: {error.what} {error.why}", needed=False)
    detail = f"{writable} triggers are writable for us, {closable} of them allow manual close; others get a note."
    fix = "" if closable else "Give our user's group read-write on the host groups, and allow manual close in the triggers."
    return Step(name, ok=bool(closable), detail=detail, fix=fix, needed=False)


def _clock(skew: float | None) -> Step:
    if skew is None:
        return Step("clock", ok=True, detail="Not proven: the web server sends no Date.", needed=False)
    if abs(skew) <= SKEW_S:
        return Step("clock", ok=True, detail=f"Zabbix' web server is within {SKEW_S} s of our clock.", needed=False)
    fix = "Set both machines' clocks by NTP; ages and spans are wrong by this much."
    return Step("clock", ok=False, detail=f"Zabbix' web server is {skew:+.0f} s from our clock.", fix=fix, needed=False)


def _push(call: Call) -> Step:
    """Say whether a webhook media type of ours exists, is enabled, and is given to somebody."""
    fix = "Print it with: python -m connectors.zabbix.push --help. Until then problems arrive by polling only."
    try:
        found = call(
            "mediatype.get",
            {"output": ["mediatypeid", "name", "status", "script"], "filter": {"type": WEBHOOK}, "selectUsers": ["userid"]},
        )
    except TielineError as error:
        return Step("setting:push", ok=False, detail=f"Not proven: {error.what} {error.why}", fix=fix, needed=False)
    ours = [one for one in found if MARK in str(one.get("script", "")).lower()]
    if not ours:
        return Step(
            "setting:push",
            ok=False,
            detail="Zabbix shows us no media type of ours (a user of type User may see none).",
            fix=fix,
            needed=False,
        )
    one = ours[0]
    users = len(one.get("users") or [])
    enabled = str(one["status"]) == "0"
    state = "enabled" if enabled else "disabled"
    detail = f"Media type {one['name']!r} is {state}, given to {users} visible user(s). Not proven: that an action uses it."
    return Step(
        "setting:push",
        ok=enabled and users > 0,
        detail=detail,
        fix="" if enabled and users else "Enable it and give it to a user as media.",
        needed=False,
    )
