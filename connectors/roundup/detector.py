"""
A Roundup detector that tells Tieline about every change of an issue, after it is committed.

Install (Roundup 2.x, Python 3.7+, no packages needed):

1. Copy this file to <tracker>/detectors/tieline.py.
2. Add to <tracker>/detectors/config.ini, with the address and the secret that Tieline shows for the connector:

       [tieline]
       url = https://tieline.example/in/tickets
       secret = whsec_...

   A secret that begins with whsec_ signs every message (Standard Webhooks: nothing secret travels, old
   messages cannot be played back); any other secret is sent as the header X-Tieline-Secret. With a secret
   address (/in/tickets/<secret>) leave ``secret`` empty. An empty ``url`` switches the detector off.
3. Restart the tracker's server processes. Mail gateway and roundup-admin pick it up at their next start.

What it promises: it never delays, changes or fails anybody's work in Roundup. One message per issue and
transaction, built from what was committed (a reactor runs *before* the commit, so it only takes note; a
rollback forgets the notes). A sender thread posts in order and tries three times; then it gives up and says
so on standard error: Tieline also polls, so nothing is lost, only later.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from typing import Any

TIMEOUT_S = 5
PAUSES_S = (0, 2, 10)
NOT_SENT = ("files", "superseder", "nosy", "keyword")

_queue: list[tuple[tuple[str, str], dict[str, Any]]] = []  # where to, with which secret, what
_sender: threading.Thread | None = None
_lock = threading.Lock()


def init(db: Any) -> None:
    """Called by Roundup for every opened database."""
    if _setting(db, "url"):
        db.issue.react("create", _created, priority=200)
        db.issue.react("set", _changed, priority=200)


def _created(db: Any, cl: Any, nodeid: str, oldvalues: Any) -> None:
    _note(db, nodeid, None)


def _changed(db: Any, cl: Any, nodeid: str, oldvalues: Any) -> None:
    _note(db, nodeid, oldvalues)


def _note(db: Any, nodeid: str, oldvalues: Any) -> None:
    """Remember, for this transaction, what the issue was before its first change (None: it is new)."""
    notes = db.__dict__.get("_tieline_notes")
    if notes is None:
        notes = db.__dict__["_tieline_notes"] = {}
        _watch(db, notes)
    notes.setdefault(nodeid, None if oldvalues is None else dict(oldvalues))


def _watch(db: Any, notes: dict[str, Any]) -> None:
    """Stand around this transaction's commit and rollback, once, and step aside after either."""
    commit, rollback = db.commit, db.rollback

    def unwatch() -> None:
        db.commit, db.rollback = commit, rollback
        db.__dict__.pop("_tieline_notes", None)

    def committing(*args: Any, **kwargs: Any) -> Any:
        answer = commit(*args, **kwargs)
        unwatch()
        try:
            target = _setting(db, "url"), _setting(db, "secret")
            _send_later([(target, _message(db, nodeid, old)) for nodeid, old in notes.items()])
        except Exception as error:  # whatever goes wrong here must not reach the person who saved
            _complain(error)
        return answer

    def rolling_back(*args: Any, **kwargs: Any) -> Any:
        unwatch()
        return rollback(*args, **kwargs)

    db.commit, db.rollback = committing, rolling_back


def _message(db: Any, nodeid: str, old: dict[str, Any] | None) -> dict[str, Any]:
    """Say what was committed: the issue in the same words that Tieline's poll would read."""
    cl = db.issue
    issue: dict[str, Any] = {"id": nodeid}
    for name, prop in cl.getprops(protected=True).items():
        if name not in NOT_SENT and name != "id":
            issue[name] = _plain(db, prop, cl.get(nodeid, name))
    own = cl.properties
    before = old or {}
    changed = sorted(name for name in own if name in before and before[name] != cl.get(nodeid, name))
    return {
        "event": "issue.created" if old is None else "issue.updated",
        "issue": issue,
        "changed": changed,
        "old": {name: _plain(db, own[name], before[name]) for name in changed if name not in NOT_SENT},
        "source": str(db.tx_Source),
    }


def _plain(db: Any, prop: Any, value: Any) -> Any:
    """Links by their label, lists by their length, times as Roundup writes them (UTC, whole seconds)."""
    kind = prop.__class__.__name__
    if kind == "Multilink":
        return len(value or ())
    if value is None:
        return None
    if kind == "Link":
        linked = db.getclass(prop.classname)
        return str(linked.get(value, linked.labelprop(1)))
    return value if isinstance(value, (bool, int, float)) else str(value)


def _send_later(work: list[Any]) -> None:
    """Queue messages; the sender thread lives while there is something to send, so that a short process ends."""
    global _sender
    with _lock:
        _queue.extend(work)
        if _queue and (_sender is None or not _sender.is_alive()):
            _sender = threading.Thread(target=_send_all, name="tieline")
            _sender.daemon = False
            _sender.start()


def _send_all() -> None:
    global _sender
    while True:
        with _lock:
            if not _queue:
                _sender = None
                return
            (url, secret), message = _queue.pop(0)
        _send(url, secret, message)


def _send(url: str, secret: str, message: dict[str, Any]) -> None:
    body = json.dumps(message).encode("utf-8")
    message_id = "msg_" + uuid.uuid4().hex
    last: object = None
    for pause in PAUSES_S:
        time.sleep(pause)
        try:
            request = urllib.request.Request(url, body, _headers(secret, message_id, body))  # noqa: S310 - set by the admin
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
                answer.read()
                return
        except urllib.error.HTTPError as error:
            error.close()
            last = f"HTTP {error.code}"
        except Exception as error:
            last = error
    _complain(f"issue{message['issue']['id']} not told after {len(PAUSES_S)} tries: {last}")


def _headers(secret: str, message_id: str, body: bytes) -> dict[str, str]:
    """Sign, or show the shared secret; the id is the same for every try, so that a repetition is recognised."""
    headers = {"Content-Type": "application/json", "User-Agent": "Tieline-Roundup-detector", "webhook-id": message_id}
    if secret.startswith("whsec_"):
        stamp = str(int(time.time()))
        signed = b".".join((message_id.encode(), stamp.encode(), body))
        digest = hmac.new(base64.b64decode(secret[len("whsec_") :]), signed, hashlib.sha256).digest()
        headers["webhook-timestamp"] = stamp
        headers["webhook-signature"] = "v1," + base64.b64encode(digest).decode()
    elif secret:
        headers["X-Tieline-Secret"] = secret
    return headers


def _setting(db: Any, name: str) -> str:
    """Read [tieline] of detectors/config.ini; what is not there is empty."""
    try:
        return str(db.config.detectors["TIELINE_" + name.upper()] or "").strip()
    except Exception:  # Roundup raises its own InvalidOptionError
        return ""


def _complain(what: object) -> None:
    sys.stderr.write(f"tieline detector: {what}\n")
    sys.stderr.flush()
