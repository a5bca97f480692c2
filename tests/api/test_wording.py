"""No wording of pydantic's reaches a client, whatever type it is about."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

import pytest
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from tm20tui.api.bodies import Body, checked
from tm20tui.api.wording import words_of
from tm20tui.errors import InvalidInput


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    number: int


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


def refuse(value: str) -> str:
    raise ValueError("must be one line of printable characters")


class Case(NamedTuple):
    annotation: Any
    value: object
    words: str
    strict: bool = False


CASES = [
    Case(int, "x", "must be a whole number"),
    Case(int, "1", "must be a whole number", strict=True),
    Case(int, 1.5, "must be a whole number"),
    Case(int, [], "must be a whole number"),
    Case(int, "9" * 5000, "must be a number of at most 18 digits"),
    Case(float, "x", "must be a number"),
    Case(float, "1", "must be a number", strict=True),
    Case(Annotated[float, Field(allow_inf_nan=False)], float("nan"), "must be a finite number"),
    Case(Decimal, "x", "must be a number"),
    Case(bool, "x", "must be true or false"),
    Case(bool, 1, "must be true or false", strict=True),
    Case(str, 1, "must be a text"),
    Case(Annotated[str, Field(max_length=3)], "abcd", "must have at most 3 characters"),
    Case(Annotated[str, Field(min_length=1)], "", "must have at least 1 characters"),
    Case(Annotated[str, Field(pattern="^a+$")], "b", "must look like ^a+$"),
    Case(Annotated[str, AfterValidator(refuse)], "b", "must be one line of printable characters"),
    Case(Annotated[int, Field(ge=1)], 0, "must be 1 or more"),
    Case(Annotated[int, Field(le=500)], 501, "must be 500 or less"),
    Case(Annotated[float, Field(gt=0)], 0, "must be more than 0"),
    Case(Annotated[float, Field(lt=1)], 1, "must be less than 1"),
    Case(Annotated[int, Field(multiple_of=5)], 3, "must be a multiple of 5"),
    Case(list[int], 1, "must be a list"),
    Case(list[int], ["x"], "must be a whole number"),
    Case(tuple[int, ...], 1, "must be a list"),
    Case(set[int], 1, "must be a list"),
    Case(frozenset[int], 1, "must be a list"),
    Case(Annotated[list[int], Field(max_length=1)], [1, 2], "must have at most 1 entries"),
    Case(Annotated[list[int], Field(min_length=1)], [], "must have at least 1 entries"),
    Case(dict[str, int], [], "must be an object"),
    Case(Inner, 1, "must be an object"),
    Case(Inner, {}, "is required"),
    Case(Inner, {"number": 1, "x": 1}, "is not known here"),
    Case(Literal["a", "b", "c"], "d", "must be one of a, b, c"),
    Case(Colour, "x", "must be one of red, blue"),
    Case(date, "x", "must be a date YYYY-MM-DD"),
    Case(date, "2026-01-01T08:00:00", "must be a date YYYY-MM-DD"),
    Case(datetime, "x", "must be a time with its zone, such as 2025-12-30T00:00:00Z"),
    Case(AwareDatetime, "2026-01-01T08:00:00", "must be a time with its zone, such as 2025-12-30T00:00:00Z"),
    Case(time, "x", "must be a time of day HH:MM"),
    Case(timedelta, "x", "must be a duration in seconds"),
    Case(UUID, "x", "must be a UUID"),
    Case(None, 1, "must be null"),
    Case(str | int, [], "must be a text"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.words}-{str(case.value)[:20]}")
def test_each_type_of_error_has_words_of_ours(case: Case) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(case.annotation).validate_python(case.value, strict=case.strict)
    assert words_of(caught.value.errors()[0]) == case.words


def test_what_nobody_foresaw_says_nothing_foreign() -> None:
    assert words_of({"type": "callable_type", "msg": "Input should be callable"}) == "is not valid"
    assert words_of({"type": "of_next_year", "msg": "Something"}) == "is not valid"


class Ids(Body):
    ids: list[int] = Field(max_length=2)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "ids is required"),
        ({"ids": [1, 2, 3]}, "ids must have at most 2 entries"),
        ({"ids": [1, "2"]}, "ids (entry 2) must be a whole number"),
        ({"ids": [1], "x": 2}, "unknown field 'x': known are ids"),
    ],
)
def test_a_body_is_refused_with_the_place_that_is_wrong(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{re.escape(sentence)}$"):
        checked(Ids, given)
