"""Dates and places that a network reads, known and unknown."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from geoseg.bundles.description_text import from_spec
from geoseg.engine.date_metadata import metadata_values
from geoseg.errors import ModelError
from geoseg.spec import ClassSpec, ModelBand, ModelSpec
from geoseg.spec.encoders import UNKNOWN_FACT, metadata_channels
from tests.messages import Messages

MARCH = datetime(2024, 3, 2, tzinfo=UTC)


def model(month: int | None, *metadata: str) -> ModelSpec:
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
        metadata=metadata or ("month", "t2:month"),
        month=month,
    )


@pytest.mark.parametrize(
    ("month", "used", "name"), [(None, 5, "June"), (11, 10, "November"), (1, 0, "January")]
)
def test_an_unknown_date_has_the_month_of_the_training(
    month: int | None, used: int, name: str, messages: Messages
) -> None:
    assert metadata_values(model(month), {"": MARCH, "t2": None}, None) == (2.0, float(used))
    assert messages.codes == ["month-unknown"]
    assert f"{name} is used" in messages.warnings[0]


@pytest.mark.parametrize("month", [None, 11])
def test_the_month_is_in_the_description(month: int | None) -> None:
    text = from_spec(model(month), href="./model.onnx", size=1, planes=2, architecture="linear")
    assert json.loads(text)["properties"].get("geoseg:month") == month


@pytest.mark.parametrize(
    ("time", "centre", "values", "codes"),
    [
        (MARCH, (13.5, 52.25), (2024.0, 61.0, 52.25, 13.5), []),
        (datetime(2023, 1, 1, tzinfo=UTC), (-70.0, -33.5), (2023.0, 0.0, -33.5, -70.0), []),
        (None, (13.5, 52.25), (UNKNOWN_FACT, UNKNOWN_FACT, 52.25, 13.5), ["date-unknown"]),
        (MARCH, None, (2024.0, 61.0, UNKNOWN_FACT, UNKNOWN_FACT), ["place-unknown"]),
        (None, None, (UNKNOWN_FACT,) * 4, ["date-unknown", "place-unknown"]),
    ],
)
def test_date_and_place_are_supplied_or_reported(
    time: datetime | None,
    centre: tuple[float, float] | None,
    values: tuple[float, ...],
    codes: list[str],
    messages: Messages,
) -> None:
    reading = model(None, "year", "day", "lat", "lon")
    assert metadata_values(reading, {"": time}, centre) == values
    assert messages.codes == codes


def test_each_unknown_date_is_reported_once(messages: Messages) -> None:
    reading = model(None, *metadata_channels(("date", "month", "lonlat"), ("", "t2", "t3")))
    times = {"": None, "t2": MARCH, "t3": None}
    found = metadata_values(reading, times, (1.0, 2.0))
    assert found == (
        UNKNOWN_FACT,
        UNKNOWN_FACT,
        5.0,
        2024.0,
        61.0,
        2.0,
        UNKNOWN_FACT,
        UNKNOWN_FACT,
        5.0,
        2.0,
        1.0,
    )
    assert sorted(messages.codes) == ["date-unknown", "date-unknown", "month-unknown", "month-unknown"]
    assert "date t3" in "".join(messages.warnings)


@pytest.mark.parametrize("name", ["hour", "t4:month", "t2:lat", "t2:"])
def test_a_fact_that_is_not_supplied_is_refused(name: str) -> None:
    with pytest.raises(ModelError, match=f"reads {name}, which geoseg does not supply"):
        metadata_values(model(None, name), {"": MARCH, "t2": MARCH}, (0.0, 0.0))
