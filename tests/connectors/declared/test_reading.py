"""A manifest that is wrong says where: file, line, place, the known words and the near one."""

from __future__ import annotations

import json

import pytest

from connectors.kit.declared.reading import MAX_BYTES, read_manifest
from connectors.kit.declared.schema import json_schema
from core.errors import DefinitionError
from tests.connectors.declared.small import SMALL
from tests.house.imports import ROOT

WRONG = [
    (
        "    records: things\n",
        "    recrods: things\n",
        r"small\.yaml:20: streams\.things\.recrods: .*'recrods'.*Did you mean 'records'",
    ),
    ("category: other", "category: othr", r"small\.yaml:4: category: "),
    ("{scheme: none}", "{scheme: nune}", r"small\.yaml:13: auth: .*'basic'.*'oauth2'"),
    ("{scheme: none}", "{scheme: basic, usr: x, password: y}", r"small\.yaml:13: auth\.usr: .*Did you mean 'username'"),
    ("{url}/api", "{urll}/api", r"small\.yaml:12: address: there is no \{urll\}; known: .*Did you mean 'url'"),
    ("{since:ms}", "{since:milli}", r"small\.yaml:19: streams\.things\.request\.query.*no form 'milli'.*rfc3339"),
    ("{offset}", "{arg.x}", r"small\.yaml:19: .*there is no \{arg\.x\}"),
    ("    records: things\n", "    records: things[\n", r"small\.yaml:20: streams\.things\.records: .*cannot be read"),
    (
        "form: ms}\n    paging",
        "form: mss}\n    paging",
        r"small\.yaml:22: streams\.things\.at\.form: there is no form of time 'mss'",
    ),
    ("{proves: reachable, request: {path: me}}", "{proves: luck}", r"small\.yaml:15: check\.0\.proves"),
    ("{proves: reachable, request: {path: me}}", "{proves: 'sample:thing'}", r"check\.0\.proves: .*Did you mean 'things'"),
    ("request: {path: me}}", "request: {path: me, json: {}}}", r"check\.0\.request: a GET has no body"),
    ("{path: me}", "{path: me, before: csrf}", r"check\.0\.request\.before: there is no 'csrf'"),
    ("id: id\n", "id: id\n    deleted: {}\n", r"streams\.things\.deleted\.0: a condition that asks nothing would always hold"),
    ("kind: small", "kind: Small-1", r"small\.yaml:2: kind: "),
    ("settings:\n", "settings: &a\n", r"Anchors and aliases"),
    ("kind: small", "kind: small\nkind: other", r"The key 'kind' stands twice"),
]


@pytest.mark.parametrize(("old", "new", "told"), WRONG, ids=[one[1].strip()[:30] for one in WRONG])
def test_a_fault_is_named_with_its_line(old: str, new: str, told: str) -> None:
    """Every mistake names file, line and place, and what would be known there."""
    assert old in SMALL
    with pytest.raises(DefinitionError) as caught:
        read_manifest(SMALL.replace(old, new, 1), "small.yaml")
    import re

    assert re.search(told, caught.value.why, re.S), caught.value.why


def test_every_fault_is_told_at_once() -> None:
    """Who corrects a manifest is not led from one fault to the next."""
    text = SMALL.replace("recor", "recro").replace("category: other", "category: x").replace("versions:", "verions:")
    with pytest.raises(DefinitionError) as caught:
        read_manifest(text, "small.yaml")
    assert len(caught.value.facts["faults"]) >= 4


def test_a_circle_of_requests_is_refused() -> None:
    """What has to be done before what has to be done before … never ends."""
    circle = """
before:
  a: {request: {path: a, before: b}, take: {x: x}}
  b: {request: {path: b, before: a}, take: {y: y}}
"""
    with pytest.raises(DefinitionError, match="circle: a -> b -> a"):
        read_manifest(SMALL + circle, "small.yaml")


def test_what_is_too_big_is_not_read() -> None:
    """Five megabytes are no manifest."""
    with pytest.raises(DefinitionError, match=f"more than {MAX_BYTES // 1024} KiB"):
        read_manifest(SMALL + "#" * 5_000_000, "small.yaml")


def test_a_signer_is_named_never_written() -> None:
    """An unknown signer is answered with the closed list; a missing input is named."""
    for sign, told in (
        ("{scheme: signer, signer: dingtalk, with: {}}", "Did you mean 'dingtalk_hmac_query'"),
        ("{scheme: signer, signer: yonbip_signed_token, with: {app_key: '{user}'}}", "also needs secret"),
        ("{scheme: signer, signer: yonbip_signed_token, with: {app_kee: '{user}'}}", "Did you mean 'app_key'"),
    ):
        with pytest.raises(DefinitionError, match=told):
            read_manifest(SMALL.replace("{scheme: none}", sign), "small.yaml")


def test_an_edition_offers_the_same() -> None:
    """An edition changes requests and credentials, never what is offered; its faults name the edition."""
    edition = """
variants:
  by: user
  cases: {a: {}, b: {streams: {others: {help: x}}}}
"""
    text = SMALL.replace("user: {title: User, zh: 用户, optional: true}", "user: {title: User, zh: 用户, words: [a, b]}")
    with pytest.raises(DefinitionError, match=r"variants\.cases\.b\.streams"):
        read_manifest(text + edition, "small.yaml")


def test_a_hostile_pattern_cannot_hold_a_worker() -> None:
    """The pattern of a setting is matched in linear time, or refused as no pattern."""
    import time

    from connectors.kit.declared.kinds import settings_model

    text = SMALL.replace('pattern: "^https?://"', 'pattern: "^(a+)+$"')
    model = settings_model(read_manifest(text, "small.yaml"))
    began = time.monotonic()
    with pytest.raises(ValueError, match="url"):
        model.model_validate({"url": "a" * 60 + "!"})
    assert time.monotonic() - began < 1
    with pytest.raises(DefinitionError, match="cannot be used"):
        settings_model(read_manifest(text.replace("(a+)+", "(?<=a)b"), "small.yaml"))


def test_the_published_schema_is_the_code() -> None:
    """docs/reference/manifest.schema.json is what `tieline kinds schema` prints, and knows every signer."""
    published = json.loads((ROOT / "docs/reference/manifest.schema.json").read_text())
    assert published == json_schema(), "tieline kinds schema --json > docs/reference/manifest.schema.json"
    assert "aliyun_acs3" in published["$defs"]["Sign"]["properties"]["signer"]["enum"]
