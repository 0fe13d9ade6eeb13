"""What an author may write about matching: ``match`` of an entity."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mappings.matching.comparing import KINDS

LINK, REVIEW, MARGIN = 12.0, 2.0, 3.0
"""Points for an edge without a person, points for a person's time, and how far the second best must be behind."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class ComparedField(_Strict):
    """How one field is compared; the short form is the kind alone: ``phone: phone``."""

    kind: str = Field(alias="as")
    weight: Annotated[float, Field(gt=0, le=5)] = 1.0

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"as": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _known(self) -> ComparedField:
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind!r} is no way to compare; the list is closed: {', '.join(KINDS)}")
        return self


class MatchSpec(_Strict):
    """
    Which fields tell whether two records are one thing, and how much is enough.

    Points add up over the fields; each doubles the odds. From ``link`` on a machine may join, from ``review`` on a
    person is asked; and what is joined must be ``margin`` points ahead of every other candidate.
    """

    fields: dict[str, ComparedField] = Field(min_length=1)
    link: float = LINK
    review: float = REVIEW
    margin: Annotated[float, Field(ge=0)] = MARGIN

    @model_validator(mode="after")
    def _ordered(self) -> MatchSpec:
        if self.review > self.link:
            raise ValueError("`review` is the lower threshold and `link` the upper one")
        return self
