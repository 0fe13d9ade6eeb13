"""
The closed list of signers: a manifest may name one, never write one. Each is held byte for byte against vectors.

Time and nonce come in, so that a signature can be made again in a test. Where vendors disagree with themselves
(the nonce that equals the time, Base64 of hex text), what their own code does is done here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from connectors.kit.declared.outgoing import Outgoing
from core.clock import SECOND, to_rfc3339
from core.errors import SetupError
from core.words import Micros

Given = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Signer:
    """One signer: the names of what it needs, which of them may be left out, and what it does to a request."""

    help: str
    needs: tuple[str, ...]
    sign: Callable[[Outgoing, Given, Micros, str], None]
    may: tuple[str, ...] = ()


class SigningError(SetupError):
    """What a signer was given cannot be used as a key."""

    code = "signing"
    title, title_zh = "The request cannot be signed", "无法对请求签名"


def _hmac(key: bytes, said: bytes, digest: str = "sha256") -> bytes:
    return hmac.new(key, said, digest).digest()


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _whole(text: str) -> str:
    return quote(text, safe="~")


_KD_MASK = b"0054f397c6234378b09ca7d3e5debce7"


def kingdee_client_secret(tail: str) -> str:
    """
    Return the client secret that is hidden in the second half of a K3Cloud application id.

    >>> kingdee_client_secret("QUJDREVGR0hJSktMTU5PUFFSU1RVVldY")
    'cXJ2cCN1fn8qfHl/eX14aDNiajc0YTNr'
    """
    try:
        raw = base64.b64decode(tail, validate=True)
    except ValueError:
        raise _unusable("app_id", "its part after the underscore is not Base64") from None
    if len(raw) > len(_KD_MASK):
        raise _unusable("app_id", "its part after the underscore is too long")
    return _b64(bytes(one ^ mask for one, mask in zip(raw, _KD_MASK, strict=False)))


def _kd_signature(key: str, said: str) -> str:
    return _b64(hmac.new(key.encode(), said.encode(), "sha256").hexdigest().encode())


def _kingdee_headers(out: Outgoing, given: Given, now: Micros, _nonce: str) -> None:
    client, _, tail = given["app_id"].partition("_")
    if not tail:
        raise _unusable("app_id", "it is CLIENT_SECRET, two parts joined by an underscore")
    stamp = str(now // SECOND)
    path = quote(urlsplit(out.url).path, safe="")
    said = f"POST\n{path}\n\nx-api-nonce:{stamp}\nx-api-timestamp:{stamp}\n"
    about = f"{given['account']},{given['username']},{given.get('language') or 2052},{given.get('organisation') or 0}"
    out.headers |= {
        "x-api-clientid": client,
        "x-api-auth-version": "2.0",
        "x-api-timestamp": stamp,
        "x-api-nonce": stamp,
        "x-api-signheaders": "x-api-timestamp,x-api-nonce",
        "x-api-signature": _kd_signature(kingdee_client_secret(tail), said),
        "x-kd-appkey": given["app_id"],
        "x-kd-appdata": _b64(about.encode()),
        "x-kd-signature": _kd_signature(given["app_secret"], given["app_id"] + about),
    }


def _kingdee_login(out: Outgoing, given: Given, now: Micros, _nonce: str) -> None:
    stamp = str(now // SECOND)
    parts = [given["account"], given["username"], given["app_id"], given["app_secret"], stamp]
    sign = hashlib.sha256("".join(sorted(parts)).encode()).hexdigest()
    language = int(given.get("language") or 2052)
    out.json = {"parameters": [given["account"], given["username"], given["app_id"], stamp, sign, language]}


def _yonbip(out: Outgoing, given: Given, now: Micros, _nonce: str) -> None:
    stamp = str(now // 1000)
    said = f"appKey{given['app_key']}timestamp{stamp}"
    out.query |= {
        "appKey": given["app_key"],
        "timestamp": stamp,
        "signature": _b64(_hmac(given["secret"].encode(), said.encode())),
    }


def _dingtalk(out: Outgoing, given: Given, now: Micros, _nonce: str) -> None:
    stamp = str(now // 1000)
    secret = given["secret"]
    out.query |= {"timestamp": stamp, "sign": _b64(_hmac(secret.encode(), f"{stamp}\n{secret}".encode()))}


def _feishu(out: Outgoing, given: Given, now: Micros, _nonce: str) -> None:
    stamp = str(now // SECOND)
    sign = _b64(_hmac(f"{stamp}\n{given['secret']}".encode(), b""))
    out.json = {"timestamp": stamp, "sign": sign, **(out.json or {})}


def _aliyun_acs3(out: Outgoing, given: Given, now: Micros, nonce: str) -> None:
    body = out.seal() or b""
    parts = urlsplit(out.url)
    out.headers |= {
        "host": parts.netloc,
        "x-acs-action": given["action"],
        "x-acs-version": given["version"],
        "x-acs-date": str(to_rfc3339(now // SECOND * SECOND)).replace(".000000Z", "Z"),
        "x-acs-signature-nonce": nonce,
        "x-acs-content-sha256": hashlib.sha256(body).hexdigest(),
    }
    signed = sorted(name for name in out.headers if name in ("host", "content-type") or name.startswith("x-acs-"))
    query = "&".join(f"{_whole(name)}={_whole(out.query[name])}" for name in sorted(out.query))
    lines = "".join(f"{name}:{out.headers[name].strip()}\n" for name in signed)
    canonical = "\n".join([out.method, parts.path or "/", query, lines, ";".join(signed), out.headers["x-acs-content-sha256"]])
    said = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
    signature = _hmac(given["secret"].encode(), said.encode()).hex()
    out.headers["authorization"] = (
        f"ACS3-HMAC-SHA256 Credential={given['access_key']},SignedHeaders={';'.join(signed)},Signature={signature}"
    )


def _aliyun_rpc(out: Outgoing, given: Given, now: Micros, nonce: str) -> None:
    out.query |= {
        "AccessKeyId": given["access_key"],
        "Action": given["action"],
        "Format": "JSON",
        "SignatureMethod": "HMAC-SHA1",
        "SignatureNonce": nonce,
        "SignatureVersion": "1.0",
        "Timestamp": str(to_rfc3339(now // SECOND * SECOND)).replace(".000000Z", "Z"),
        "Version": given["version"],
    }
    query = "&".join(f"{_whole(name)}={_whole(out.query[name])}" for name in sorted(out.query))
    said = f"{out.method}&%2F&{_whole(query)}"
    out.query["Signature"] = _b64(_hmac(f"{given['secret']}&".encode(), said.encode(), "sha1"))


def _oauth1(out: Outgoing, given: Given, now: Micros, nonce: str) -> None:
    own = {
        "oauth_consumer_key": given["consumer_key"],
        "oauth_nonce": nonce,
        "oauth_signature_method": "HMAC-SHA256",
        "oauth_timestamp": str(now // SECOND),
        "oauth_token": given["token"],
        "oauth_version": "1.0",
    }
    pairs = sorted((_whole(name), _whole(value)) for name, value in {**out.query, **own}.items())
    said = "&".join(_whole(part) for part in (out.method, out.url, "&".join(f"{name}={value}" for name, value in pairs)))
    key = f"{_whole(given['consumer_secret'])}&{_whole(given['token_secret'])}"
    own["oauth_signature"] = _b64(_hmac(key.encode(), said.encode()))
    told = {"realm": given["realm"], **own} if given.get("realm") else own
    out.headers["authorization"] = "OAuth " + ", ".join(f'{name}="{_whole(value)}"' for name, value in told.items())


def _unusable(name: str, why: str) -> SigningError:
    return SigningError(
        f"The setting behind {name!r} cannot sign.", why=f"{why[0].upper()}{why[1:]}.", fix="Copy it again, whole."
    )


SIGNERS: dict[str, Signer] = {
    "kingdee_signed_headers": Signer(
        "Kingdee K3Cloud: every request, in headers; the body is not signed",
        ("account", "username", "app_id", "app_secret", "language", "organisation"),
        _kingdee_headers,
        may=("language", "organisation"),
    ),
    "kingdee_login_by_sign": Signer(
        "Kingdee K3Cloud: the body of LoginBySign", ("account", "username", "app_id", "app_secret", "language"),
        _kingdee_login, may=("language",),
    ),
    "yonbip_signed_token": Signer("Yonyou YonBIP: the token request, in its query", ("app_key", "secret"), _yonbip),
    "dingtalk_hmac_query": Signer("DingTalk robot: timestamp and sign in the query", ("secret",), _dingtalk),
    "feishu_hmac_body": Signer("Feishu bot: timestamp and sign in the body", ("secret",), _feishu),
    "aliyun_acs3": Signer(
        "Aliyun: ACS3-HMAC-SHA256 in headers", ("access_key", "secret", "action", "version"), _aliyun_acs3
    ),
    "aliyun_rpc": Signer(
        "Aliyun: the older RPC signature in the query", ("access_key", "secret", "action", "version"), _aliyun_rpc
    ),
    "oauth1_hmac_sha256": Signer(
        "OAuth 1.0a with HMAC-SHA256 (NetSuite token-based authentication)",
        ("consumer_key", "consumer_secret", "token", "token_secret", "realm"),
        _oauth1,
        may=("realm",),
    ),
}  # fmt: skip
"""Every signer there is."""
