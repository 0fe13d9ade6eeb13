"""
The JSON-RPC side: who is asking, where the token must be by version, and the read methods.

Recorded from 6.0.14: every error is HTTP 200, a dead session and a bad parameter share -32602, unknown
parameters are ignored. From the manual: 6.4 takes the token in a header, 7.2 nowhere else, 7.0 refuses
unknown parameters (here: the one that was renamed).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from typing import Any

from lab.standins.zabbix_world import APPLICATION, INVALID, ApiError, User, World

ENDED = "Session terminated, re-login, please."
NOBODY = "Not authorized."
ANONYMOUS = ("apiinfo.version", "user.login", "user.checkAuthentication")


class Rpc:
    """Answers API calls for one world in the dialect of one version."""

    def __init__(self, world: World, version: str = "6.0.14") -> None:
        self.world, self.version = world, version
        self.number = tuple(int(part) for part in version.split(".")[:2])
        self.sessions: dict[str, User] = {}
        self.tokens: dict[str, User] = {}
        self.mediatypes: dict[str, dict[str, Any]] = {}
        self.actions: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.logins = 0
        self._methods: dict[str, Callable[[dict[str, Any], User], Any]] = {
            name.replace("_", ".", 1): getattr(self, name)
            for name in dir(type(self))
            if name.endswith(("_get", "_create", "_update", "_delete", "_acknowledge", "_logout"))
            for name in dir(type(self))
            if "_" in name and not name.startswith("_")
        }

    def handle(self, body: Any, authorization: str) -> dict[str, Any]:
        """Answer one JSON-RPC body."""
        if not isinstance(body, dict) or "method" not in body:
            return {
                "jsonrpc": "2.0",
                "error": {"code": -32600, "message": "Invalid request.", "data": "JSON-rpc version is not specified."},
                "id": None,
            }
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": body.get("id")}
        try:
            with self.world.lock:
                self.world.settle()
                return reply | {
                    "result": self._call(str(body["method"]), body.get("params") or {}, body.get("auth"), authorization)
                }
        except ApiError as fault:
            return reply | {"error": fault.error}

    def end_sessions(self) -> None:
        """Forget every session, as an administrator or a timeout does."""
        self.sessions.clear()

    def api_token(self, username: str) -> str:
        """Make an API token for a user."""
        token = secrets.token_hex(32)
        self.tokens[token] = self.world.users[username]
        return token

    def _call(self, method: str, params: dict[str, Any], auth: str | None, authorization: str) -> Any:
        self.calls.append((method, params))
        if method in ANONYMOUS:
            if auth:
                raise ApiError(INVALID, f'The "{method}" method must be called without the "auth" parameter.')
            return {"apiinfo.version": self._version, "user.login": self._login, "user.checkAuthentication": self._who}[method](
                params
            )
        if auth and self.number >= (7, 2):
            raise ApiError(INVALID, 'Invalid parameter "/": unexpected parameter "auth".')
        token = auth or ""
        if self.number >= (6, 4) and authorization.startswith("Bearer "):
            token = authorization.removeprefix("Bearer ")
        user = self._user(token)
        if method not in self._methods:
            raise ApiError(-32601, f'Incorrect method "{method}".')
        return self._methods[method](params, user)

    def _user(self, token: str) -> User:
        if not token:
            raise ApiError(INVALID, NOBODY)
        if token in self.sessions:
            return self.sessions[token]
        if token in self.tokens:
            return self.tokens[token]
        raise ApiError(INVALID, NOBODY if len(token) == 64 else ENDED)

    def _version(self, params: dict[str, Any]) -> str:
        del params
        return self.version

    def _login(self, params: dict[str, Any]) -> str:
        self.logins += 1
        if "user" in params and "username" in params:
            raise ApiError(INVALID, 'Parameter "user" is deprecated.')
        if self.number < (5, 4) and "username" in params:
            raise ApiError(INVALID, 'Invalid parameter "/": unexpected parameter "username".')
        user = self.world.users.get(str(params.get("username", params.get("user"))))
        if user is None or user.password != params.get("password"):
            raise ApiError(APPLICATION, "Incorrect user name or password or account is temporarily blocked.")
        session = secrets.token_hex(16)
        self.sessions[session] = user
        return session

    def _who(self, params: dict[str, Any]) -> dict[str, Any]:
        found = self._user(str(params.get("sessionid") or params.get("token") or ""))
        return {"userid": found.userid, "username": found.username, "roleid": found.roleid, "type": int(found.roleid)}

    def user_logout(self, params: dict[str, Any], user: User) -> bool:
        del params
        self.sessions = {token: one for token, one in self.sessions.items() if one is not user}
        return True

    def role_get(self, params: dict[str, Any], user: User) -> Any:
        del params
        actions = [{"name": name, "status": str(int(allowed))} for name, allowed in self.world.actions_allowed.items()]
        rules = {"actions": actions, "actions.default_access": "1", "api.access": "1", "api.mode": "0", "api": []}
        return [{"roleid": user.roleid, "name": "Admin role", "rules": rules}]

    def host_get(self, params: dict[str, Any], user: User) -> Any:
        return _shown(self._hosts(user, params), params, "hostid")

    def item_get(self, params: dict[str, Any], user: User) -> Any:
        hosts = {host["hostid"] for host in self._hosts(user, {})}
        wanted = set(_list(params.get("hostids"))) or hosts
        found = [item for item in self.world.items.values() if item["hostid"] in hosts & wanted]
        return _shown(_filtered(found, params), params, "itemid")

    def trigger_get(self, params: dict[str, Any], user: User) -> Any:
        wanted = set(_list(params.get("triggerids"))) or set(self.world.triggers)
        found = [one for one in self.world.triggers.values() if one["triggerid"] in wanted and self._may(user, params)]
        return _shown(_filtered(found, params), params, "triggerid")

    def history_get(self, params: dict[str, Any], user: User) -> Any:
        rows: list[dict[str, str]] = []
        span = int(params.get("time_from", 0)), int(params.get("time_till", 2**40))
        for itemid in _list(params.get("itemids")) if user.sees else []:
            rows += self.world.history(itemid, int(params.get("history", 3)), *span)
        return _shown(rows, {**params, "output": "extend"}, "clock")

    def trend_get(self, params: dict[str, Any], user: User) -> Any:
        rows: list[dict[str, str]] = []
        span = int(params.get("time_from", 0)), int(params.get("time_till", 2**40))
        for itemid in _list(params.get("itemids")) if user.sees else []:
            rows += self.world.trends(itemid, *span)
        return rows

    def problem_get(self, params: dict[str, Any], user: User) -> Any:
        found = [one for one in self._events(user) if one["value"] == "1"]
        if not params.get("recent"):
            found = [one for one in found if one["r_eventid"] == "0"]
        found = [one for one in found if int(one["eventid"]) >= int(params.get("eventid_from", 0))]
        objectids = _list(params.get("objectids"))
        found = [one for one in found if not objectids or one["objectid"] in objectids]
        return _shown(found, params, "eventid")

    def event_get(self, params: dict[str, Any], user: User) -> Any:
        if self.number >= (7, 0) and "select_acknowledges" in params:
            raise ApiError(INVALID, 'Invalid parameter "/": unexpected parameter "select_acknowledges".')
        wanted = _list(params.get("eventids"))
        found = [one for one in self._events(user) if not wanted or one["eventid"] in wanted]
        if "value" in params:
            values = {str(one) for one in _list(params["value"])}
            found = [one for one in found if one["value"] in values]
        found = [one for one in found if int(one["eventid"]) >= int(params.get("eventid_from", 0))]
        if isinstance(shown := _shown(found, params, "eventid"), str):
            return shown
        return [self._related(one, params) for one in shown]

    def event_acknowledge(self, params: dict[str, Any], user: User) -> Any:
        severity = params.get("severity")
        eventids = [str(one) for one in _list(params.get("eventids"))]
        return self.world.update(user, eventids, int(params["action"]), str(params.get("message", "")), severity)

    def mediatype_get(self, params: dict[str, Any], user: User) -> Any:
        found = [{**one, "users": self._having(one["mediatypeid"])} for one in self.mediatypes.values()]
        return _filtered(found, params) if user.roleid != "1" else []

    def mediatype_create(self, params: dict[str, Any], user: User) -> Any:
        _super(user, "mediatype.create")
        mediatypeid = str(36 + len(self.mediatypes))
        self.mediatypes[mediatypeid] = {name: str(value) if isinstance(value, int) else value for name, value in params.items()}
        self.mediatypes[mediatypeid]["mediatypeid"] = mediatypeid
        return {"mediatypeids": [mediatypeid]}

    def mediatype_update(self, params: dict[str, Any], user: User) -> Any:
        _super(user, "mediatype.update")
        self.mediatypes[str(params["mediatypeid"])] |= {n: str(v) if isinstance(v, int) else v for n, v in params.items()}
        return {"mediatypeids": [params["mediatypeid"]]}

    def action_get(self, params: dict[str, Any], user: User) -> Any:
        del user
        return _filtered(list(self.actions.values()), params)

    def action_create(self, params: dict[str, Any], user: User) -> Any:
        _super(user, "action.create")
        actionid = str(9 + len(self.actions))
        self.actions[actionid] = {"actionid": actionid, **params}
        return {"actionids": [actionid]}

    def action_delete(self, params: Any, user: User) -> Any:
        _super(user, "action.delete")
        for actionid in params:
            self.actions.pop(str(actionid), None)
        return {"actionids": params}

    def user_get(self, params: dict[str, Any], user: User) -> Any:
        del user
        wanted = _list(params.get("userids"))
        found = [one for one in self.world.users.values() if not wanted or one.userid in wanted]
        rows = [{"userid": one.userid, "username": one.username, "medias": one.medias} for one in found]
        return _filtered(rows, params)

    def user_update(self, params: dict[str, Any], user: User) -> Any:
        _super(user, "user.update")
        for one in self.world.users.values():
            if one.userid == str(params["userid"]):
                one.medias = [{**media, "mediatypeid": str(media["mediatypeid"])} for media in params.get("medias", one.medias)]
        return {"userids": [params["userid"]]}

    def _having(self, mediatypeid: str) -> list[dict[str, str]]:
        users = self.world.users.values()
        return [{"userid": one.userid} for one in users if any(media["mediatypeid"] == mediatypeid for media in one.medias)]

    def _may(self, user: User, params: dict[str, Any]) -> bool:
        return user.sees and (user.writes or not params.get("editable"))

    def _hosts(self, user: User, params: dict[str, Any]) -> list[dict[str, Any]]:
        wanted = set(_list(params.get("hostids"))) or set(self.world.hosts)
        found = [one for one in self.world.hosts.values() if one["hostid"] in wanted and self._may(user, params)]
        return _filtered(found, params)

    def _events(self, user: User) -> list[dict[str, Any]]:
        return list(self.world.events.values()) if user.sees else []

    def _related(self, event: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
        trigger = self.world.triggers.get(self.world.events[event["eventid"]]["objectid"], {})
        host = self.world.hosts.get(trigger.get("hostid", ""))
        whole = self.world.events[event["eventid"]]
        related: dict[str, Any] = {}
        if "selectHosts" in params:
            related["hosts"] = [{name: host[name] for name in ("hostid", "host", "name")}] if host else []
        if "selectTags" in params:
            related["tags"] = [dict(tag) for tag in whole["tags"]]
        if params.get("select_acknowledges" if self.number < (7, 0) else "selectAcknowledges"):
            related["acknowledges"] = [dict(one) for one in whole["acknowledges"]]
        if "selectRelatedObject" in params:
            related["relatedObject"] = {name: trigger[name] for name in ("triggerid", "manual_close")} if trigger else []
        return {**event, **related}


def _super(user: User, method: str) -> None:
    if user.roleid != "3":
        raise ApiError(APPLICATION, f'No permissions to call "{method}".')


def _list(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _filtered(rows: Iterable[dict[str, Any]], params: dict[str, Any]) -> list[dict[str, Any]]:
    wanted = {name: set(_list(value)) for name, value in (params.get("filter") or {}).items()}
    return [row for row in rows if all(str(row.get(name)) in values for name, values in wanted.items())]


def _shown(rows: list[dict[str, Any]], params: dict[str, Any], key: str) -> Any:
    """Sort, cut, pick fields; numbers come back as strings, also counts."""
    if params.get("countOutput"):
        return str(len(rows))
    down = params.get("sortorder") in ("DESC", ["DESC"])
    rows = sorted(rows, key=lambda row: int(row[key]), reverse=down)[: int(params.get("limit") or len(rows))]
    output = params.get("output", "extend")
    hidden = {"acknowledges", "hosts"}
    if isinstance(output, list):
        return [{name: row[name] for name in (*output, key) if name in row} | _selected(row, params) for row in rows]
    return [{name: value for name, value in row.items() if name not in hidden} for row in rows]


def _selected(row: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    names = {"selectInventory": "inventory", "selectTags": "tags", "selectInterfaces": "interfaces"}
    return {name: row[name] for asked, name in names.items() if asked in params and name in row}
