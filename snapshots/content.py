"""The pure part: from questions and answers to the content that is frozen and hashed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from core.clock import SECOND, from_rfc3339, to_rfc3339
from core.words import Json, Micros
from snapshots.subject import Subject
from snapshots.words import Answer, Question, Status

FORMAT = "tieline.snapshot/1"


def judged(question: Question, answer: Answer, now: Micros) -> tuple[Status, str | None, float | None]:
    """Return the status at the moment of freezing, its reason, and the value's age in seconds."""
    age = None if answer.at is None else max(now - answer.at, 0) / SECOND
    limit = question.stale_after_s
    if answer.status is Status.OK and age is not None and limit is not None and age > limit:
        return Status.STALE, f"The value is {round(age)} s old; at most {limit} s are allowed.", age
    return answer.status, answer.reason, age


def made(subject: Subject, snapshot_id: str, parent: str | None, answers: dict[str, Answer], now: Micros) -> dict[str, Json]:
    """Return the whole content; every time in it is RFC 3339, so that it can be read without us."""
    spec = subject.recipe.spec
    return {
        "format": FORMAT,
        "id": snapshot_id,
        "parent": parent,
        "recipe": {"name": spec.name, "version": subject.recipe.n, "title": spec.title.model_dump() if spec.title else None},
        "subject": {"gid": subject.gid, "etype": subject.etype},
        "ticket": subject.ticket,
        "entities": subject.scope.gids,
        "unjoined": subject.scope.unjoined,
        "asked_at": to_rfc3339(subject.asked_at),
        "frozen_at": to_rfc3339(now),
        "deadline_ms": spec.deadline_ms,
        "facets": {question.name: _facet(question, answers[question.name], now) for question in subject.questions},
        "fields": subject.fields,
    }


def _facet(question: Question, answer: Answer, now: Micros) -> dict[str, Json]:
    status, reason, age = judged(question, answer, now)
    return {
        "title": question.title,
        "status": status.value,
        "reason": reason,
        "values": answer.values,
        "units": answer.units,
        "connector": question.connector,
        "lookup": question.lookup,
        "inputs": question.inputs,
        "source": answer.source,
        "value_at": to_rfc3339(answer.at),
        "age_s": age,
        "stale_after_s": question.stale_after_s,
        "fetched_at": to_rfc3339(answer.fetched_at),
        "took_ms": answer.took_ms,
    }


def completed(parent: Mapping[str, Json], snapshot_id: str, arrived: Mapping[str, Answer], now: Micros) -> dict[str, Json]:
    """Return the content of a snapshot that completes a frozen one: what has arrived since, and the rest as it was told."""
    facets = {
        name: _facet(question_of(name, one), arrived.get(name) or answer_of(one), now) for name, one in parent["facets"].items()
    }
    return {**parent, "id": snapshot_id, "parent": parent["id"], "frozen_at": to_rfc3339(now), "facets": facets}


def question_of(name: str, told: Mapping[str, Json], connector_id: int | None = None) -> Question:
    """Return the question behind a frozen facet: all that is needed to ask it again stands there."""
    return Question(
        name=name,
        connector=told["connector"],
        lookup=told["lookup"],
        connector_id=connector_id,
        inputs=told["inputs"],
        wait_s=0.0,
        stale_after_s=told["stale_after_s"],
        title=told["title"],
    )


def answer_of(told: Mapping[str, Json]) -> Answer:
    """Return the answer behind a frozen facet, before its age was judged."""
    is_stale = told["status"] == Status.STALE
    return Answer(
        Status.OK if is_stale else Status(told["status"]),
        None if is_stale else told["reason"],
        told["values"],
        told["units"],
        told["source"],
        None if told["value_at"] is None else from_rfc3339(told["value_at"]),
        None if told["fetched_at"] is None else from_rfc3339(told["fetched_at"]),
        told["took_ms"],
    )


def facets_of(questions: Iterable[Question], answers: Mapping[str, Answer], now: Micros) -> list[dict[str, Any]]:
    """Return the same facets as rows, to be asked by SQL."""
    rows = []
    for question in questions:
        answer = answers[question.name]
        status, reason, _ = judged(question, answer, now)
        rows.append(
            {
                "name": question.name,
                "status": status.value,
                "reason": reason,
                "values": answer.values,
                "source": answer.source,
                "connector_id": question.connector_id,
                "value_at": answer.at,
                "fetched_at": answer.fetched_at,
                "took_ms": answer.took_ms,
            }
        )
    return rows
