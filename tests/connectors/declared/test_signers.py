"""Every signer, byte for byte against vectors that were computed apart from this code."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.kit.declared.outgoing import Outgoing
from connectors.kit.declared.signers import SIGNERS, SigningError, kingdee_client_secret
from connectors.kit.webhooks import sign
from core.clock import SECOND, from_rfc3339

NOW = 1_700_000_000 * SECOND
K3 = {
    "account": "65000000000001",
    "username": "demo",
    "app_id": "200000_QUJDREVGR0hJSktMTU5PUFFSU1RVVldY",
    "app_secret": "0123456789abcdef0123456789abcdef",
}
VIEW = "https://erp.example/k3cloud/Kingdee.BOS.WebApi.ServicesStub.DynamicFormService.View.common.kdsvc"
ALIYUN = {"access_key": "AKIDEXAMPLE", "secret": "secretexample", "action": "SendSms", "version": "2017-05-25"}
SMS = {"PhoneNumbers": "13800000000", "SignName": "演示", "TemplateCode": "SMS_1", "TemplateParam": '{"no":"42"}'}


def signed(signer: str, given: dict[str, str], at: int, out: Outgoing, nonce: str = "n1") -> Outgoing:
    SIGNERS[signer].sign(out, given, at, nonce)
    return out


def test_kingdee_signs_headers_like_its_vendor() -> None:
    """The hidden client secret, both signatures and the account are those of the vendor's own code."""
    assert kingdee_client_secret("QUJDREVGR0hJSktMTU5PUFFSU1RVVldY") == "cXJ2cCN1fn8qfHl/eX14aDNiajc0YTNr"
    headers = signed("kingdee_signed_headers", K3, NOW, Outgoing("POST", VIEW)).headers
    assert headers["x-api-signature"] == (
        "YjZiMzkyOTNjMTdiYWMxMjg3NWFjZWFlMjgyZjgzYWM5YjU1M2IxNTA1M2FlOWQ1ZmNiNDRhNmQ5ZDEzNDM5OQ=="
    )
    assert headers["x-kd-appdata"] == "NjUwMDAwMDAwMDAwMDEsZGVtbywyMDUyLDA="
    assert headers["x-kd-signature"] == (
        "OGZhOTg1MWUyMGE0ZGFhZDg2OTY3YWY1MWEyMmM3ZTkwNDA4OGJjOTdjYmQwZTgxNDg4OThjOTQ2ZDk0NTIzOQ=="
    )


def test_kingdee_signs_its_log_in() -> None:
    """LoginBySign: the SHA-256 of the sorted parts."""
    body = signed("kingdee_login_by_sign", K3, NOW, Outgoing("POST", VIEW)).json
    assert body["parameters"][4] == "e323d04ba97b7c6e60ac626cc78eda0184bc2822fbb687fe11af779c35e11e30"
    assert body["parameters"][5] == 2052


def test_yonbip_signs_its_token_request() -> None:
    """Before URL encoding, as the query holds it."""
    given = {"app_key": "41832a3d2df94989b500da6a22268747", "secret": "secret-demo"}
    out = signed("yonbip_signed_token", given, 1_568_098_531_823_000, Outgoing("GET", "https://yonbip.example/token"))
    assert out.query["signature"] == "qGeotJmOgaIr8q8GvKaWuRsGlc5fGyOJJlwiiLl0CFU="


def test_dingtalk_signs_the_query() -> None:
    """The whole address, encoded as it is sent."""
    out = signed("dingtalk_hmac_query", {"secret": "SECdemo"}, NOW, Outgoing("POST", "https://d.example/robot/send"))
    assert out.target.endswith("?timestamp=1700000000000&sign=lOvVf9TQCVugV68mGbSZCg0gzOl1SVjxWi1MyVZCUuA%3D")


def test_feishu_signs_the_body() -> None:
    """Key and message the other way round, and the message stays."""
    out = signed("feishu_hmac_body", {"secret": "demo"}, NOW, Outgoing("POST", "https://f.example/", json={"msg_type": "text"}))
    assert out.json == {"timestamp": "1700000000", "sign": "8oT2n3SMKFfEnDoiwer8BUM/SjKLwe9SqoEIHlhDTKo=", "msg_type": "text"}


@pytest.mark.parametrize(
    ("signer", "place", "wanted"),
    [
        ("aliyun_acs3", "headers", "258a4799205c5e40ca06985c70220cac68b2b3e4069458ff3f9fc99da0c7fe0f"),
        ("aliyun_rpc", "query", "WbuW0SE4w589avKCaLOPep7oHMY="),
    ],
)
def test_aliyun_signs_like_its_vendor(signer: str, place: str, wanted: str) -> None:
    """Both signatures over the same request are those of the vendor's own code."""
    at = from_rfc3339("2026-01-01T00:00:00Z")
    out = signed(signer, ALIYUN, at, Outgoing("POST", "https://dysmsapi.aliyuncs.com/", query=dict(SMS)))
    found = out.headers["authorization"].rpartition("Signature=")[2] if place == "headers" else out.query["Signature"]
    assert found == wanted


@pytest.mark.parametrize(
    ("door", "stamp", "wanted"),
    [
        (
            {"scheme": "hmac", "header": "X", "encoding": "base64", "signed": "{timestamp}{body}", "timestamp_header": "T",
             "timestamp_form": "rfc3339"},
            "2026-01-01T00:00:00Z", "rE4m/VvYRChZl249f+LCzDMfxJv/6wlfGrcE/J+zdgc=",
        ),
        (
            {"scheme": "hmac", "header": "X", "encoding": "hex", "prefix": "v1=", "signed": "{body}"},
            "", "v1=dfb8cf3fc9778c70386e30f5e0776d37f9ee9c8756d3cbd7df0902150644358d",
        ),
        (
            {"scheme": "hmac", "header": "X", "encoding": "base64", "signed": "{method}{url}{body}{timestamp}",
             "timestamp_header": "T", "timestamp_form": "ms"},
            "1700000000000", "vYWfRSJfhpbtATESw0SGhQJqSr707HaL8I4tJZrGcSU=",
        ),
    ],
    ids=["zendesk", "pagerduty", "hubspot"],
)  # fmt: skip
def test_the_doors_of_these_kinds_open_to_their_signatures(door: dict[str, Any], stamp: str, wanted: str) -> None:
    """What Zendesk, PagerDuty and HubSpot sign is what our door of their form expects."""
    from connectors.kit.doorways import read_door
    from connectors.kit.signatures import digest, fill

    declared = read_door(door)
    said = fill(door["signed"], b'{"a":1}', timestamp=stamp, method="POST", url="https://hub.example/hs")
    assert door.get("prefix", "") + digest(declared, "shh", said) == wanted  # type: ignore[arg-type] # it is an HmacDoor
    assert sign(door, {"secret": "shh"}, b"{}", message_id="m", now=NOW)


def test_what_cannot_sign_is_named() -> None:
    """A mangled key is a setup error that names the setting, and shows nothing of it."""
    for app_id in ("no-underscore", "a_%%%", "a_" + "QUJD" * 40):
        with pytest.raises(SigningError, match="app_id") as caught:
            signed("kingdee_signed_headers", {**K3, "app_id": app_id}, NOW, Outgoing("POST", VIEW))
        assert app_id not in str(caught.value)


def test_oauth1_signs_by_the_rfc() -> None:
    """The signature base string sorts query and own parameters together; the header carries all but the query."""
    import base64
    import hashlib
    import hmac
    from urllib.parse import quote

    given = {"consumer_key": "ck", "consumer_secret": "cs", "token": "tk", "token_secret": "ts", "realm": "ACCT"}
    out = signed(
        "oauth1_hmac_sha256", given, NOW, Outgoing("GET", "https://n.example/rest", query={"script": "5", "a b": "c&d"})
    )
    pairs = (
        "a%20b=c%26d&oauth_consumer_key=ck&oauth_nonce=n1&oauth_signature_method=HMAC-SHA256"
        "&oauth_timestamp=1700000000&oauth_token=tk&oauth_version=1.0&script=5"
    )
    said = f"GET&{quote('https://n.example/rest', safe='')}&{quote(pairs, safe='')}"
    wanted = base64.b64encode(hmac.new(b"cs&ts", said.encode(), hashlib.sha256).digest()).decode()
    assert out.headers["authorization"].startswith('OAuth realm="ACCT", oauth_consumer_key="ck"')
    assert f'oauth_signature="{quote(wanted, safe="")}"' in out.headers["authorization"]
