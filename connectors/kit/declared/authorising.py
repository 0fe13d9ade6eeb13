"""
Authorising by a person: the address to send them to, and what becomes of the code they come back with.

The state is made and remembered by whoever sends the person away, and compared when he comes back; the verifier of
PKCE stays with us. The first token is kept where every later one is, so that all processes have it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from connectors.kit.declared import grants
from connectors.kit.declared.caller import Caller
from connectors.kit.declared.credentials import OAuth2
from connectors.kit.declared.slots import filler
from connectors.kit.tokens import Tokens
from core.errors import ConflictError, SetupError


def address(auth: object, settings: Mapping[str, Any], *, redirect_uri: str, state: str, verifier: str) -> str:
    """Return where a person authorises this connector."""
    if not isinstance(auth, OAuth2) or auth.authorize_url is None:
        raise SetupError(
            "This kind is not authorised by a person.",
            why="Its manifest has no authorize_url.",
            fix="Set its credentials as settings.",
        )
    more = {name: str(filler(text)(settings) or "") for name, text in auth.asked.items()}
    if auth.pkce:
        challenge = create_s256_code_challenge(verifier)  # type: ignore[no-untyped-call] # its stubs leave it out
        more |= {"code_challenge": str(challenge), "code_challenge_method": "S256"}
    scope = filler(auth.scope)(settings) if auth.scope else None
    return str(
        prepare_grant_uri(
            str(filler(auth.authorize_url)(settings)),
            str(filler(auth.client_id)(settings)),
            "code",
            redirect_uri=redirect_uri,
            scope=scope,
            state=state,
            **more,
        )
    )


def finish(caller: Caller, tokens: Tokens, code: str, *, redirect_uri: str, verifier: str) -> None:
    """Exchange the code for the first token and keep it; the connector keeps its id and goes on where it stood."""
    auth = caller.manifest.auth
    if not isinstance(auth, OAuth2):
        raise SetupError("This kind takes no code.", why="It is not OAuth 2.", fix="Set its credentials as settings.")
    seed = grants.seed(auth, caller.fixed)
    fence = tokens.claim(seed, 2 * caller.timeout_s + 5)
    if fence is None:
        raise ConflictError(
            "Somebody else is authorising or renewing this connector just now.",
            why="One token at a time is asked for.",
            fix="Try again in a moment.",
        )
    try:
        token = grants.exchange_code(caller, auth, code, verifier=verifier, redirect_uri=redirect_uri)
    except BaseException:
        tokens.release(fence)
        raise
    tokens.keep(seed, fence, token)
