"""Bodies that a real Zabbix 6.0.14 sent or answered, and what they must become; and the traps around them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.zabbix.kind import ZabbixSettings
from connectors.zabbix.problems import severity
from core.errors import InputError, MalformedError, UnknownVocabularyError
from tests.connectors.zabbix import goldens

SECOND = 1_000_000


@pytest.mark.parametrize("delivery", goldens.DELIVERIES, ids=lambda path: path.stem)
def test_a_recorded_delivery_becomes_these_records(delivery: Path) -> None:
    """Every recorded body becomes exactly the records that were reviewed; goldens.py rewrites them."""
    expected = json.loads(goldens.record_file(delivery).read_text())

    assert goldens.parsed(delivery.read_bytes()) == expected


def push(**changes: Any) -> dict[str, Any]:
    """Return a recorded push of an open problem with some fields changed; None removes one."""
    body = {**goldens.body("push_two_hosts"), **changes}
    return {name: value for name, value in body.items() if value is not None}


def zoned(zone: str) -> ZabbixSettings:
    """Return settings for a server in a time zone."""
    return goldens.SETTINGS.model_copy(update={"time_zone": zone})


@pytest.mark.parametrize(
    ("number", "word", "expected"),
    [("0", "Not classified", "0"), ("5", "Disaster", "5"), ("4", "P1 (renamed)", "4"), (None, "Average", "3")],
)
def test_the_number_decides_a_severity(number: str | None, word: str, expected: str) -> None:
    """An administrator may rename severities; the number says which one it is, the word only where there is no number."""
    assert severity(number, word) == expected


@pytest.mark.parametrize(("number", "word"), [("6", "High"), ("-1", "High"), ("high", "High"), (None, "Fatal"), (None, None)])
def test_an_unknown_severity_is_never_a_default(number: str | None, word: str | None) -> None:
    """What is not in the closed list is an error that names the known ones."""
    with pytest.raises(UnknownVocabularyError, match="0 to 5"):
        severity(number, word)


@pytest.mark.parametrize(("name", "value"), [("event_status", "FLAPPING"), ("event_ack", "Maybe"), ("event_nseverity", "6")])
def test_an_unknown_word_is_named(name: str, value: str) -> None:
    """Every field with a closed list refuses what is not in it."""
    with pytest.raises(UnknownVocabularyError, match=value):
        goldens.parsed(push(**{name: value}))


@pytest.mark.parametrize("name", ["event_id", "event_name", "event_status", "event_date", "event_time"])
def test_a_body_without_the_essentials_is_malformed(name: str) -> None:
    """A body of another media type, or one whose macros stayed literal, is refused with the field's name."""
    for value in (None, "{EVENT.ID}"):
        with pytest.raises(MalformedError, match=name):
            goldens.parsed(push(**{name: value}))


@pytest.mark.parametrize(
    ("name", "field"), [("event_opdata", "opdata"), ("trigger_id", "objectid"), ("event_recovery_id", "r_eventid")]
)
def test_a_macro_without_a_value_is_no_value(name: str, field: str) -> None:
    """Zabbix leaves a macro it cannot fill as it stands; it never becomes a value here."""
    data = goldens.parsed(push(**{name: "{SOME.MACRO}"}))[0]["data"]

    assert data.get(field) is None


def test_a_host_that_is_unknown_is_none() -> None:
    """{HOST.ID} of a host that is gone reads *UNKNOWN*, and the record has no host."""
    assert goldens.parsed(push(host_id="*UNKNOWN*"))[0]["data"]["host"] is None


@pytest.mark.parametrize(
    ("zone", "clock"),
    [("UTC", 1795332317), ("Asia/Shanghai", 1795332317 - 8 * 3600), ("America/New_York", 1795332317 + 5 * 3600)],
)
def test_a_pushed_time_is_read_in_the_servers_zone(zone: str, clock: int) -> None:
    """2026.11.22 07:25:17 carries no zone; the connector's setting says which one it is in."""
    body = push(event_date="2026.11.22", event_time="07:25:17")

    assert goldens.parsed(body, zoned(zone))[0]["data"]["clock"] == clock


def test_a_timestamp_wins_over_date_and_zone() -> None:
    """A server that is new enough to send unix seconds is taken at its word, whatever zone is set."""
    assert goldens.parsed(push(event_timestamp="1795332317"), zoned("Asia/Shanghai"))[0]["data"]["clock"] == 1795332317


@pytest.mark.parametrize(("day", "hour"), [("22.11.2026", "07:25:17"), ("2026.13.22", "07:25:17"), ("2026.11.22", "7h")])
def test_a_time_in_another_form_is_malformed(day: str, hour: str) -> None:
    """A date that Zabbix would not write is refused, never guessed."""
    with pytest.raises(MalformedError, match="cannot be read"):
        goldens.parsed(push(event_date=day, event_time=hour))


def test_tags_come_as_text_or_list() -> None:
    """{EVENT.TAGSJSON} is JSON inside JSON; other scripts unpack it first; both are the same tags in the same order."""
    tags = [{"tag": "z", "value": "1"}, {"tag": "a", "value": "液压"}]

    for given_tags in (tags, json.dumps(tags), json.dumps(tags[::-1])):
        assert goldens.parsed(push(event_tags=given_tags))[0]["data"]["tags"] == [tags[1], tags[0]]
    assert goldens.parsed(push(event_tags="{EVENT.TAGSJSON}"))[0]["data"]["tags"] == []
    with pytest.raises(MalformedError, match="event_tags"):
        goldens.parsed(push(event_tags="[{"))


def test_our_own_update_names_its_actor() -> None:
    """A push caused by an update carries who made it; a problem or recovery by itself carries nobody."""
    assert goldens.parsed(goldens.body("lab_update_ack"))[0]["actor"] == "gateway"
    assert goldens.parsed(goldens.body("lab_problem"))[0]["actor"] is None
    assert goldens.parsed(push(event_update="1", user="Li Wei 李伟 (li.wei)"))[0]["actor"] == "li.wei"


def test_time_is_the_newest_the_source_gives() -> None:
    """The record's time is the newest of event, update and recovery; resolved is later than open within one second."""
    opened = {"event_date": "2026.11.22", "event_time": "07:00:00"}
    resolved = {"event_status": "RESOLVED", "event_recovery_date": "2026.11.22"}

    base = goldens.parsed(push(**opened))[0]["at"]
    updated = push(**opened, event_update="1", event_update_date="2026.11.22", event_update_time="07:00:09")
    assert goldens.parsed(updated)[0]["at"] == base + 9 * SECOND
    ended = goldens.parsed(push(**opened, **resolved, event_recovery_time="07:00:00"))[0]
    assert ended["at"] == base + 1
    assert ended["data"]["r_clock"] * SECOND == base


def test_a_time_that_is_not_told_is_none() -> None:
    """Without the time of its newest change a push has no time: an old one would make the newest state stale."""
    gone = {"event_recovery_date": None, "event_recovery_time": None}

    assert goldens.parsed(push(event_status="RESOLVED", **gone))[0]["at"] is None
    assert goldens.parsed(push(event_update="1", event_update_date=None))[0]["at"] is None


def test_push_and_poll_of_one_state_agree() -> None:
    """What was recorded of one event by push and by poll is the same record, but for what a push cannot know."""
    polled = goldens.parsed(polled_event())[0]
    pushed = goldens.parsed(goldens.body("push_recovered_after_close"))[0]
    differ = {"manual_close", "opdata"}  # a push does not know the first; the second is the value of the moment of asking

    def settled(data: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in data.items() if name not in differ}

    assert settled(polled["data"]) == settled(pushed["data"])
    assert polled["at"] == pushed["at"]


def polled_event() -> dict[str, Any]:
    """Return the poll of the event that push_recovered_after_close tells of, as 6.0.14 answered it."""
    found: dict[str, Any] = json.loads((goldens.HERE / "deliveries" / "polled_same_as_push.json").read_text())
    return found


@given(st.dictionaries(st.sampled_from(sorted(goldens.body("push_closed"))), st.none() | st.text(max_size=8) | st.integers()))
def test_any_change_is_read_or_refused(changes: dict[str, Any]) -> None:
    """A push with any fields changed gives one declared record or an InputError."""
    try:
        found = goldens.parsed({**goldens.body("push_closed"), **changes})
    except InputError:
        return
    assert len(found) == 1
    assert found[0]["data"]["severity"] in "012345"
    assert found[0]["data"]["status"] in ("problem", "resolved")
