"""Proof of who we are by a key: the signed assertion of OAuth's JWT bearer grant (RFC 7523)."""

from __future__ import annotations

from authlib.oauth2.rfc7523.assertion import sign_jwt_bearer_assertion
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from core.clock import SECOND
from core.errors import SetupError
from core.words import Micros

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFE_S = 180


def assertion(private_key: str, *, issuer: str, subject: str, audience: str, now: Micros, whose: str) -> str:
    """Return a JWT signed with RS256 that ends after three minutes; ``whose`` names the connector in the error of a bad key."""
    at = now // SECOND
    try:
        signed = sign_jwt_bearer_assertion(
            RSAKey.import_key(private_key),
            issuer=issuer,
            audience=audience,
            subject=subject,
            issued_at=at,
            expires_at=at + LIFE_S,
            alg="RS256",
        )
    except (JoseError, ValueError, TypeError) as error:
        raise SetupError(
            f"The private key of {whose} cannot sign.",
            why=f"{type(error).__name__}.",
            fix="Give an RSA key as PEM, whole and without a passphrase.",
        ) from None
    return str(signed)
