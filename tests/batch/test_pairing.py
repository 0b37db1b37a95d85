"""The rule that finds the earlier scene."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import shapely

from geoseg.batch.entry import Entry
from geoseg.batch.pairing import SceneFacts, earlier_of, with_earlier
from geoseg.batch.tasks import task_of
from geoseg.errors import UsageError
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
    paired = with_earlier(series, task_of("change"), None)
    assert [entry.options.get("before") for entry in paired.entries] == [
        [str(tmp_path / "t_20210601.tif")],
        None,
        [str(tmp_path / "t_20210610.tif")],
    ]
    assert set(paired.unpaired) == {"t_20210601"}
    assert paired.reasons["t_20210620"] == "t_20210610: 10 days earlier"
    assert messages.codes == ["no-earlier-scene"]
    assert "are not mapped" in messages.warnings[0]


def test_only_scenes_that_ask_get_an_earlier_one(tmp_path: Path) -> None:
    series = entries(tmp_path, "t_20210610", "t_20210601")
    assert with_earlier(series, task_of("flood"), None).entries == tuple(series)
    paired = with_earlier(series, task_of("flood"), "auto")
    assert "before" in paired.entries[0].options
    assert with_earlier(series, task_of("flood"), ["auto"]).entries == paired.entries  # a repeatable option
    assert with_earlier(series, task_of("change"), "fixed.tif").entries == tuple(series)


def test_a_broken_scene_fails_alone(tmp_path: Path) -> None:
    """Its run fails when it is opened, so it gets any other scene."""
    series = entries(tmp_path, "t_20210610", "t_20210601", "t_20210620")
    Path(series[2].paths[0]).write_bytes(b"")
    paired = with_earlier(series, task_of("change"), None)
    assert paired.entries[2].options["before"]
    assert set(paired.unpaired) == {"t_20210601"}


def test_scenes_without_dates(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no scene has a date"):
        with_earlier(entries(tmp_path, "x", "y"), task_of("change"), None)
