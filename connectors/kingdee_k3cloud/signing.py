"""
How K3Cloud's WebAPI knows us: headers signed for each request, or a session by LoginBySign. The body is signed by neither.

Byte for byte as the vendor's Python SDK does it, with its oddities: the nonce is the time, a signature is the base64 of
the *hex text*, and the client's secret is masked in the application id.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from urllib.parse import quote

_MASK = b"0054f397c6234378b09ca7d3e5debce7"


def client_secret(tail: str) -> str:
    """
    Return the secret that is hidden in the second half of an application id.

    >>> client_secret("QUJDREVGR0hJSktMTU5PUFFSU1RVVldY")
    'cXJ2cCN1fn8qfHl/eX14aDNiajc0YTNr'
    """
    raw = b64decode(tail)
    return b64encode(bytes(one ^ other for one, other in zip(raw, _MASK, strict=False))).decode()


def signed(key: str, message: str) -> str:
    """Return a signature: base64 of the lower-case hex of HMAC-SHA256."""
    return b64encode(hmac.new(key.encode(), message.encode(), hashlib.sha256).hexdigest().encode()).decode()


def headers(path: str, stamp: str, account: str, user: str, app_id: str, app_secret: str, lcid: int) -> Mapping[str, str]:
    """Return the headers of one request to a path of the server, at a time in whole seconds."""
    client, _, tail = app_id.partition("_")
    place = quote(path, safe="").replace("%2f", "%2F")
    about = f"{account},{user},{lcid},0"
    to_sign = f"POST\n{place}\n\nx-api-nonce:{stamp}\nx-api-timestamp:{stamp}\n"
    return {
        "X-Api-ClientID": client,
        "X-Api-Auth-Version": "2.0",
        "x-api-timestamp": stamp,
        "x-api-nonce": stamp,
        "x-api-signheaders": "x-api-timestamp,x-api-nonce",
        "X-Api-Signature": signed(client_secret(tail), to_sign),
        "X-Kd-Appkey": app_id,
        "X-Kd-Appdata": b64encode(about.encode()).decode(),
        "X-Kd-Signature": signed(app_secret, app_id + about),
    }


def login_sign(account: str, user: str, app_id: str, app_secret: str, stamp: str) -> str:
    """Return the sign of LoginBySign: SHA-256 over the five texts, sorted by their code points."""
    return hashlib.sha256("".join(sorted((account, user, app_id, app_secret, stamp))).encode()).hexdigest()
