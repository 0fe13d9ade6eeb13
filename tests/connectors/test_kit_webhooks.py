"""The laws of the doors: what was signed opens them, and any change of it does not."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from connectors.kit import refusals
from connectors.kit.refusals import DoorSetupError, RefusedDoorError
from connectors.kit.webhooks import describe, fresh_secret, sign, verify
from core.clock import SECOND

NOW = 1_767_225_600 * SECOND
URL = "https://hub.example/in/crm"
DOORS: dict[str, dict[str, Any]] = {
    "standard": {"scheme": "standard_webhooks"},
    "github": {"scheme": "hmac", "header": "X-Hub-Signature-256", "prefix": "sha256="},
    "timed": {"scheme": "hmac", "header": "X-Sig", "signed": "{timestamp}.{body}", "timestamp_header": "X-Time"},
    "zendesk": {
        "scheme": "hmac",
        "header": "X-Zendesk-Webhook-Signature",
        "encoding": "base64",
        "signed": "{timestamp}{body}",
        "timestamp_header": "X-Zendesk-Webhook-Signature-Timestamp",
        "timestamp_form": "rfc3339",
    },
    "hubspot": {
        "scheme": "hmac",
        "header": "X-HubSpot-Signature-v3",
        "encoding": "base64",
        "signed": "{method}{url}{body}{timestamp}",
        "timestamp_header": "X-HubSpot-Request-Timestamp",
        "timestamp_form": "ms",
    },
    "header": {"scheme": "header", "header": "X-Token"},
    "basic": {"scheme": "basic", "user": "zabbix"},
}
SIGNED = ["standard", "github", "timed", "zendesk", "hubspot"]
TIMED = ["standard", "timed", "zendesk", "hubspot"]


def _secret(name: str) -> str:
    return "whsec_" + b64encode(b"k" * 32).decode() if name == "standard" else "a shared secret"


def _pair(name: str, body: bytes) -> tuple[dict[str, str], dict[str, str]]:
    secrets = {"secret": _secret(name)}
    return secrets, sign(DOORS[name], secrets, body, message_id="msg_1", now=NOW, url=URL)


@pytest.mark.parametrize("name", DOORS)
def test_what_was_signed_opens(name: str) -> None:
    """Every scheme opens to what its own sender sends, whatever the case of header names."""
    secrets, headers = _pair(name, b'{"a":1}')
    for spelled in (headers, {n.upper(): v for n, v in headers.items()}):
        got = verify(DOORS[name], secrets, spelled, b'{"a":1}', now=NOW, url=URL)
        assert got == ("msg_1" if name == "standard" else None)


@pytest.mark.parametrize("name", SIGNED)
@given(data=st.data())
def test_any_changed_byte_of_the_body_is_refused(name: str, data: st.DataObject) -> None:
    """One byte changed, added or taken away is another body, and the signature says so."""
    body = data.draw(st.text(st.characters(codec="utf-8"), min_size=1, max_size=200)).encode()
    secrets, headers = _pair(name, body)
    at = data.draw(st.integers(0, len(body) - 1))
    other = data.draw(st.sampled_from(["flip", "cut", "add"]))
    changed = {
        "flip": body[:at] + bytes([body[at] ^ data.draw(st.integers(1, 255))]) + body[at + 1 :],
        "cut": body[:at] + body[at + 1 :],
        "add": body[:at] + b" " + body[at:],
    }[other]
    assume(changed != body)
    with pytest.raises(refusals.SignatureWrongError):
        verify(DOORS[name], secrets, headers, changed, now=NOW, url=URL)


@pytest.mark.parametrize("name", DOORS)
@given(data=st.data())
def test_any_changed_letter_of_a_header_is_refused(name: str, data: st.DataObject) -> None:
    """The signature, the id, the time and the shared secret are compared whole: no letter of them is free."""
    secrets, headers = _pair(name, b'{"a":1}')
    header = data.draw(st.sampled_from(sorted(headers)))
    value = headers[header]
    at = data.draw(st.integers(0, len(value) - 1))
    letter = data.draw(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters=value[at] + " "))
    with pytest.raises(RefusedDoorError):
        verify(DOORS[name], secrets, headers | {header: value[:at] + letter + value[at + 1 :]}, b'{"a":1}', now=NOW, url=URL)


@pytest.mark.parametrize("name", DOORS)
def test_each_missing_header_is_named(name: str) -> None:
    """A header that is not there, or empty, is refused by its own name and its own code."""
    secrets, headers = _pair(name, b"{}")
    for header in headers:
        for broken in ({n: v for n, v in headers.items() if n != header}, headers | {header: ""}):
            with pytest.raises(RefusedDoorError, match=f"(?i){header}|Basic") as caught:
                verify(DOORS[name], secrets, broken, b"{}", now=NOW, url=URL)
            assert caught.value.code.endswith("missing")


@pytest.mark.parametrize("name", TIMED)
@given(away=st.integers(-86_400, 86_400))
def test_only_the_window_around_now_opens(name: str, away: int) -> None:
    """Within 300 s either way it opens; later it is old, earlier it is from the future."""
    secrets, headers = _pair(name, b"{}")
    now = NOW + away * SECOND
    if abs(away) <= 300:
        verify(DOORS[name], secrets, headers, b"{}", now=now, url=URL)
        return
    wanted = refusals.TimestampOldError if away > 0 else refusals.TimestampNewError
    with pytest.raises(wanted):
        verify(DOORS[name], secrets, headers, b"{}", now=now, url=URL)


@pytest.mark.parametrize(
    "stamp", ["1767225600.0", "+1767225600", "1_767_225_600", "１７６７２２５６００", "9" * 17, "-1", "nan", "0x1"]
)
def test_a_time_in_another_spelling_is_refused(stamp: str) -> None:
    """Only plain digits are a time: a second spelling of the same second would be a free byte."""
    secrets, headers = _pair("standard", b"{}")
    with pytest.raises(refusals.TimestampUnreadableError):
        verify(DOORS["standard"], secrets, headers | {"webhook-timestamp": stamp}, b"{}", now=NOW)


@pytest.mark.parametrize("signature", ["", "v1", "v1,", ",", "v2,abc", "v1,a,b", "v1,####", "é", "v1a,AAAA v1,AAAA", " " * 50])
def test_nonsense_in_the_signature_is_a_refusal_never_a_crash(signature: str) -> None:
    """What makes the library raise ValueError is a plain refusal here."""
    secrets, headers = _pair("standard", b"{}")
    with pytest.raises(RefusedDoorError):
        verify(DOORS["standard"], secrets, headers | {"webhook-signature": signature}, b"{}", now=NOW)


def test_a_body_that_is_not_text_is_a_refusal() -> None:
    """Standard Webhooks signs text; bytes that are none are refused, not a UnicodeDecodeError."""
    secrets, headers = _pair("standard", b"{}")
    with pytest.raises(refusals.SignatureWrongError, match="UTF-8"):
        verify(DOORS["standard"], secrets, headers, b"\xff\xfe", now=NOW)


@pytest.mark.parametrize("name", DOORS)
def test_while_a_secret_is_rotated_both_open(name: str) -> None:
    """With the new and the old secret known, messages under either open; under a third they do not."""
    old, headers = _pair(name, b"{}")
    new = fresh_secret(DOORS[name]["scheme"])
    verify(DOORS[name], {"secret": [new, old["secret"]]}, headers, b"{}", now=NOW, url=URL)
    with pytest.raises(RefusedDoorError):
        verify(DOORS[name], {"secret": [new, fresh_secret(DOORS[name]["scheme"])]}, headers, b"{}", now=NOW, url=URL)


def test_several_signatures_in_one_header() -> None:
    """A sender that rotates signs twice; one that fits is enough, in Standard Webhooks and with a declared separator."""
    secrets, headers = _pair("standard", b"{}")
    other = sign(DOORS["standard"], {"secret": fresh_secret("standard_webhooks")}, b"{}", message_id="msg_1", now=NOW)
    both = headers | {"webhook-signature": other["webhook-signature"] + " " + headers["webhook-signature"]}
    assert verify(DOORS["standard"], secrets, both, b"{}", now=NOW) == "msg_1"
    pager = {"scheme": "hmac", "header": "X-PagerDuty-Signature", "prefix": "v1=", "separator": ","}
    fits = sign(pager, {"secret": "shh"}, b"{}", message_id="", now=NOW)["X-PagerDuty-Signature"]
    verify(pager, {"secret": "shh"}, {"X-PagerDuty-Signature": f"v1=00,{fits}"}, b"{}", now=NOW)


def test_the_path_secret() -> None:
    """A door for systems that cannot sign opens to its secret address only."""
    door, secrets = {"scheme": "path"}, {"secret": ["new-secret", "old-secret"]}
    assert verify(door, secrets, {}, b"", now=NOW, path_secret="old-secret") is None
    for wrong in (None, "", "old-secre", "old-secret "):
        with pytest.raises(refusals.PathWrongError):
            verify(door, secrets, {}, b"", now=NOW, path_secret=wrong)


@pytest.mark.parametrize("secrets", [{}, {"secret": ""}, {"secret": []}, {"secret": ["x", ""]}])
@pytest.mark.parametrize("name", DOORS)
def test_a_door_without_a_secret_stays_shut(name: str, secrets: dict[str, Any]) -> None:
    """An empty secret is no secret: the door is a fault of ours, and shut."""
    with pytest.raises(DoorSetupError):
        verify(DOORS[name], secrets, _pair(name, b"{}")[1], b"{}", now=NOW, path_secret="")


@pytest.mark.parametrize(
    "door",
    [
        {},
        {"scheme": "none"},
        {"scheme": "hmac"},
        {"scheme": "hmac", "header": "X", "signed": "{timestamp}"},
        {"scheme": "hmac", "header": "X", "signed": "{timestamp}{body}"},
        {"scheme": "hmac", "header": "X", "timestamp_header": "T"},
        {"scheme": "hmac", "header": "X", "signed": "{bdy}{body}"},
        {"scheme": "hmac", "header": "X", "algorithm": "md5"},
        {"scheme": "basic", "user": "a:b"},
        {"scheme": "path", "secret": "here"},
    ],
)
def test_a_door_that_could_not_be_safe_is_refused_when_it_is_declared(door: dict[str, Any]) -> None:
    """An unknown word, an unsigned body, a time that is trusted but not signed: named before anybody pushes."""
    with pytest.raises(DoorSetupError):
        describe(door)


def test_secrets_that_are_not_in_their_encoding_are_ours_to_repair() -> None:
    """A mangled whsec_ secret is a setup error, never a lenient half key, and never shown."""
    with pytest.raises(DoorSetupError) as caught:
        verify(DOORS["standard"], {"secret": "whsec_not*base64"}, _pair("standard", b"{}")[1], b"{}", now=NOW)
    assert "not*base64" not in str(caught.value)


def test_vendor_vectors() -> None:
    """The arithmetic agrees with the vendors' published vectors (Zendesk, PagerDuty, HubSpot)."""
    body = b'{"a":1}'
    zendesk = sign(DOORS["zendesk"], {"secret": "shh"}, body, message_id="", now=NOW)
    pager = {"scheme": "hmac", "header": "S", "prefix": "v1="}
    assert (
        sign(pager, {"secret": "shh"}, body, message_id="", now=NOW)["S"]
        == "v1=dfb8cf3fc9778c70386e30f5e0776d37f9ee9c8756d3cbd7df0902150644358d"
    )
    at = 1_700_000_000 * SECOND
    hubspot = sign(DOORS["hubspot"], {"secret": "shh"}, body, message_id="", now=at, url="https://hub.example/hs")
    assert hubspot["X-HubSpot-Signature-v3"] == "vYWfRSJfhpbtATESw0SGhQJqSr707HaL8I4tJZrGcSU="
    exact = {"X-Zendesk-Webhook-Signature": "rE4m/VvYRChZl249f+LCzDMfxJv/6wlfGrcE/J+zdgc="}
    stamped = exact | {"X-Zendesk-Webhook-Signature-Timestamp": "2026-01-01T00:00:00Z"}
    verify(DOORS["zendesk"], {"secret": "shh"}, stamped, body, now=NOW)
    assert zendesk["X-Zendesk-Webhook-Signature-Timestamp"].startswith("2026-01-01T00:00:00")


def test_the_library_agrees_with_our_signature() -> None:
    """What we send, the Standard Webhooks library accepts (its clock is the machine's)."""
    secrets = {"secret": _secret("standard")}
    body = json.dumps({"type": "x"}).encode()
    headers = sign(DOORS["standard"], secrets, body, message_id="msg_9", now=time.time_ns() // 1000)
    assert Webhook(secrets["secret"]).verify(body, headers) == {"type": "x"}


def test_every_refusal_has_its_own_code() -> None:
    """No two refusals share a code, and each has a title in both languages."""
    found = [one for one in vars(refusals).values() if isinstance(one, type) and issubclass(one, RefusedDoorError)]
    assert len({one.code for one in found}) == len(found) >= 10
    assert len({one.title_zh for one in found}) == len(found)
