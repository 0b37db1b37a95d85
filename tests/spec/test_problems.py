"""What is wrong with a value, in words."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from geoseg.spec.problems import problem_text


class Case(BaseModel, extra="forbid", allow_inf_nan=False):
    whole: Annotated[int, Field(ge=1, le=9, multiple_of=2)] = 2
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    kind: Literal["best", "last"] = "best"
    sizes: Annotated[tuple[int, ...], Field(min_length=1, max_length=2)] = (1,)
    codes: dict[int, int] = {}
    weights: Literal["balanced"] | tuple[float, ...] = "balanced"
    colour: Annotated[str, Field(pattern="^#$")] = "#"
    yes: bool = True
    inner: Case | None = None


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("whole", "many", "'many' should be a whole number"),
        ("whole", 2.5, "2.5 should be a whole number"),
        ("whole", 0, "0 should be 1 or more"),
        ("whole", 10, "10 should be 9 or less"),
        ("whole", 3, "3 should be a multiple of 2"),
        ("share", 0, "0 should be more than 0"),
        ("share", "half", "'half' should be a number"),
        ("share", float("nan"), "nan should be a finite number"),
        ("kind", "bets", "'bets' should be best or last; did you mean best?"),
        ("kind", 7, "7 should be best or last"),
        ("sizes", 3, "3 should be a list: [A, B]"),
        ("sizes", [], "[] should have at least 1 item"),
        ("sizes", [1, 2, 3], "[1, 2, 3] should have at most 2 items"),
        ("codes", [1], "[1] should be a mapping: {KEY: VALUE}"),
        ("weights", "balance", "'balance' should be balanced or be a list: [A, B]; did you mean balanced?"),
        ("colour", "red", "'red' should have the form ^#$"),
        ("colour", 5, "5 should be text"),
        ("yes", "maybe", "'maybe' should be true or false"),
        ("inner", 5, "5 should be a mapping: {KEY: VALUE}"),
        ("whole", "x" * 200, f"'{'x' * 59} … should be a whole number"),
    ],
)
def test_problems(field: str, value: object, told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Case.model_validate({field: value})
    assert problem_text(caught.value.errors()) == told
