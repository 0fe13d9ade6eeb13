"""Which of our two languages a reader gets: asked by switch, remembered in a cookie, or Accept-Language."""

from __future__ import annotations

from flask import Request

LANGUAGES = ("en", "zh")
COOKIE = "tieline_language"


def language_of(request: Request, default: str = "en") -> str:
    """Return "en" or "zh": the query's ``lang`` first, then the cookie, then what the reader's program prefers."""
    for asked in (request.args.get("lang"), request.cookies.get(COOKIE)):
        if asked in LANGUAGES:
            return asked
    for offered, _quality in request.accept_languages:
        word = offered.lower().split("-")[0]
        if word in LANGUAGES:
            return word
    return default if default in LANGUAGES else "en"
