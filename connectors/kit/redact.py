"""
Secrets never reach an error, a log or a repr: everything foreign passes here before people see it.

Two nets: values we know (the connector's own secrets, as given, and as URLs, base64, JSON, HTML and Python
write them) and places we know (userinfo in a URL, query parameters and headers with a telling name).
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, quote_plus

MASK = "***"

_TELLING = r"(?:[a-z0-9]+[_-])*(?:token|secret|password|passwd|pwd|key|apikey|sign|signature|auth|session|sessionid|code|sid)"
_USERINFO = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,20}://)[^/?#\s@\"']{1,512}@")
_QUERY = re.compile(rf"(?i)([?&;]{_TELLING}=)[^&#\s\"']*")
_HEADER = re.compile(r"(?i)\b(authorization|proxy-authorization|x-api-key|x-auth-token|set-cookie|cookie)(\s*[:=]\s*)[^\r\n]*")
_SECRET_HEADERS = re.compile(rf"(?i)^(authorization|proxy-authorization|cookie|set-cookie|(x-)?{_TELLING})$")
_SHORTEST = 4  #: a shorter value would mask half of every text, and is no secret anyway


class Redactor:
    """
    Masks the secrets it was told, and the places where secrets usually stand.

    >>> Redactor(["s3cr3t!"])("https://joe:pw@erp/x?token=abc&n=1 said s3cr3t! is wrong")
    'https://***@erp/x?token=***&n=1 said *** is wrong'
    """

    __slots__ = ("_forms", "_known")

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets if len(secret) >= _SHORTEST for form in _forms(secret)}
        longest_first = sorted(forms, key=len, reverse=True)
        self._forms = tuple(longest_first)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __repr__(self) -> str:
        return "<Redactor>"

    def __call__(self, text: str) -> str:
        """Return the text with every known secret and every telling place masked."""
        return _HEADER.sub(rf"\1\2{MASK}", self.address(text))

    def address(self, text: str) -> str:
        """Return an address with its secrets masked: what holds no header needs no look for one."""
        if self._known is not None and any(form in text for form in self._forms):
            text = self._known.sub(MASK, text)
        if "@" in text:
            text = _USERINFO.sub(rf"\1{MASK}@", text)
        return _QUERY.sub(rf"\1{MASK}", text) if "=" in text else text

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """
        Return headers that may be shown.

        >>> Redactor().headers({"Authorization": "Bearer x", "Accept": "text/plain"})
        {'Authorization': '***', 'Accept': 'text/plain'}
        """
        return {name: MASK if _SECRET_HEADERS.match(name) else self(value) for name, value in headers.items()}


def _forms(secret: str) -> set[str]:
    raw = secret.encode("utf-8", "replace")
    quoted = {quote(raw, safe=""), quote(raw), quote_plus(raw)}
    packed = {base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()}
    written = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1], html.escape(secret)}
    smaller = {re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), one) for one in quoted}
    return {secret, *quoted, *smaller, *packed, *{one.rstrip("=") for one in packed}, *written}
