"""The rule that finds the earlier scene."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

from geoseg.batch.degrees import split_at_antimeridian
from geoseg.batch.entry import Entry
from geoseg.batch.pairing import SceneFacts, earlier_of, with_earlier
from geoseg.batch.tasks import task_of
from geoseg.errors import SceneError, UsageError
from geoseg.spec.batch import OptionValue
from tests.batch.lakes import write_lake
from tests.messages import Messages

HERE = shapely.box(10, 50, 11, 51)


def facts(
    day: str, orbit: str = "22", cloud: float | None = None, sensor: str = "s2", east: float = 0.0
) -> SceneFacts:
    time = datetime.fromisoformat(day).replace(tzinfo=UTC)
    outline = shapely.box(10 + east, 50, 11 + east, 51)
    return SceneFacts(time=time, sensor=sensor, orbit=orbit, cloud=cloud, outline=outline)


OWN = facts("2021-06-30")


@pytest.mark.parametrize(
    ("others", "found"),
    [
        ({"far": facts("2021-05-01"), "near": facts("2021-06-20")}, "near"),
        ({"later": facts("2021-07-01"), "same day": facts("2021-06-30")}, None),
        ({"other orbit": facts("2021-06-28", orbit="65"), "same": facts("2021-06-10")}, "same"),
        ({"unknown orbit": facts("2021-06-28", orbit=""), "same": facts("2021-06-10")}, "unknown orbit"),
        ({"cloudy": facts("2021-06-25", cloud=90), "clear": facts("2021-06-10", cloud=10)}, "clear"),
        ({"only": facts("2021-06-25", cloud=90)}, "only"),
        ({"b": facts("2021-06-25", cloud=30), "a": facts("2021-06-25", cloud=50)}, "b"),
        ({"radar": facts("2021-06-25", sensor="s1")}, None),
        ({"half": facts("2021-06-25", east=0.49), "beside": facts("2021-06-29", east=0.6)}, "half"),
    ],
)
def test_the_rule(others: dict[str, SceneFacts], found: str | None) -> None:
    assert earlier_of("own", OWN, {"own": OWN, **others}) == found


def entries(folder: Path, *names: str) -> list[Entry]:
    return [
        Entry(
            scene=name, paths=(str(write_lake(folder / f"{name}.tif")),), options={"sensor": "sentinel-2-l2a"}
        )
        for name in names
    ]


def test_a_series(tmp_path: Path, messages: Messages) -> None:
    series = entries(tmp_path, "t_20210610", "t_20210601", "t_20210620")
    paired = with_earlier(series, task_of("change"), {})
    assert [entry.options.get("before") for entry in paired.entries] == [
        [str(tmp_path / "t_20210601.tif")],
        None,
        [str(tmp_path / "t_20210610.tif")],
    ]
    assert set(paired.unpaired) == {"t_20210601"}
    assert paired.reasons["t_20210620"] == "t_20210610: 10 days earlier"
    assert messages.codes == ["no-earlier-scene"]
    assert "not mapped" in messages.warnings[0]


def test_only_scenes_that_ask_get_an_earlier_one(tmp_path: Path) -> None:
    series = entries(tmp_path, "t_20210610", "t_20210601")
    assert with_earlier(series, task_of("flood"), {}).entries == tuple(series)
    paired = with_earlier(series, task_of("flood"), {"before": "auto"})
    assert "before" in paired.entries[0].options
    assert (
        with_earlier(series, task_of("flood"), {"before": ["auto"]}).entries == paired.entries
    )  # a repeatable option
    assert with_earlier(series, task_of("change"), {"before": "fixed.tif"}).entries == tuple(series)


def test_a_broken_scene_fails_alone(tmp_path: Path) -> None:
    series = entries(tmp_path, "t_20210610", "t_20210601", "t_20210620")
    Path(series[2].paths[0]).write_bytes(b"")
    paired = with_earlier(series, task_of("change"), {})
    assert isinstance(paired.unread["t_20210620"], SceneError)
    assert set(paired.unpaired) == {"t_20210601"}


def test_scenes_without_dates(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no scene has a date"):
        with_earlier(entries(tmp_path, "x", "y"), task_of("change"), {})


def test_the_date_of_a_table(tmp_path: Path) -> None:
    series = [
        replace(entry, columns={"date": date}, where=f"t.csv, line {line}")
        for line, (entry, date) in enumerate(
            zip(entries(tmp_path, "x", "y"), ("2021-06-30", "2021-06-01"), strict=True), start=2
        )
    ]
    paired = with_earlier(series, task_of("change"), {})
    assert paired.reasons == {"x": "y: 29 days earlier"}
    dates = {name: paired.entries[0].options[name] for name in ("date-before", "date-after")}
    assert dates == {"date-before": "2021-06-01", "date-after": "2021-06-30"}
    series[1] = replace(series[1], columns={"date": "June"})
    with pytest.raises(UsageError, match="line 3: the date 'June' is not one"):
        with_earlier(series, task_of("change"), {})


@pytest.mark.parametrize(
    ("task", "shared"),
    [
        ("change", {}),
        ("flood", {"before": "auto"}),
        ("methane plume", {"reference": "auto"}),
    ],
)
@pytest.mark.parametrize("sensor", ["naip", None])
def test_options_of_the_command_open_the_scenes(
    task: str, shared: dict[str, OptionValue], sensor: str | None, tmp_path: Path
) -> None:
    """Bands without names need --sensor, also to find pairs."""
    series = []
    for day in ("10", "20"):
        path = tmp_path / f"t_202106{day}.tif"
        bands = np.full((4, 20, 20), 90, np.uint8)
        with rasterio.open(
            path, "w", driver="GTiff", width=20, height=20, count=4, dtype="uint8", crs="EPSG:32633",
            transform=Affine(10, 0, 500_000, 0, -10, 5_000_000),
        ) as file:  # fmt: skip
            file.write(bands)
        series.append(Entry(scene=day, paths=(str(path),)))
    options = {**shared} if sensor is None else {**shared, "sensor": sensor}
    paired = with_earlier(series, task_of(task), options)
    if sensor is not None:
        assert set(paired.reasons) == {"20"}
    else:  # Each fails by its own message, and none is said to have no earlier scene.
        assert not paired.reasons
        assert not paired.unpaired
        assert set(paired.unread) == ({"10", "20"} if task == "change" else set())


def test_places_across_the_antimeridian() -> None:
    def around(east: float) -> SceneFacts:
        outline = split_at_antimeridian(shapely.box(179 + east, 62, 181 + east, 63))
        return replace(facts("2021-06-10"), outline=outline)

    own = replace(OWN, outline=around(0).outline)
    far = replace(facts("2021-06-20"), outline=shapely.box(15, 62, 17, 63))
    assert earlier_of("own", own, {"own": own, "far": far}) is None
    assert earlier_of("own", own, {"far": far, "near": around(0.5)}) == "near"
    assert earlier_of("far", replace(far, time=OWN.time), {"near": around(0.5)}) is None
