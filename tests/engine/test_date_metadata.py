"""Months that a network reads, of dates that are known and unknown."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from geoseg.bundles.description_text import from_spec
from geoseg.engine.date_metadata import metadata_values
from geoseg.spec import ClassSpec, ModelBand, ModelSpec
from tests.messages import Messages

MARCH = datetime(2024, 3, 2, tzinfo=UTC)


def model(month: int | None) -> ModelSpec:
    return ModelSpec(
        name="dated",
        bands=(ModelBand(name="red"), ModelBand(name="t2:red")),
        units="reflectance",
        classes=(
            ClassSpec(value=0, label="a", colour="#000000"),
            ClassSpec(value=1, label="b", colour="#ffffff"),
        ),
        activation="none",
        tile=64,
        overlap=0,
        multiple=1,
        fixed_tile=False,
        weights=Path("model.onnx"),
        metadata=("month", "t2:month"),
        month=month,
    )


@pytest.mark.parametrize(
    ("month", "used", "name"), [(None, 5, "June"), (11, 10, "November"), (1, 0, "January")]
)
def test_an_unknown_date_has_the_month_of_the_training(
    month: int | None, used: int, name: str, messages: Messages
) -> None:
    assert metadata_values(model(month), {"": MARCH, "t2": None}) == (2.0, float(used))
    assert messages.codes == ["month-unknown"]
    assert f"{name} is used" in messages.warnings[0]


@pytest.mark.parametrize("month", [None, 11])
def test_the_month_is_in_the_description(month: int | None) -> None:
    text = from_spec(model(month), href="./model.onnx", size=1, planes=2, architecture="linear")
    assert json.loads(text)["properties"].get("geoseg:month") == month
