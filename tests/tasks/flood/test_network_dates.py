"""A network of two dates is told of dates that do not agree as a method is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from geoseg.spec import SceneSpec
from geoseg.tasks.flood import network_dates
from tests.messages import Messages
from tests.tasks.flood.network_bundles import bundle, proof, raster, run, two_dates
from tests.tasks.flood.test_date_agreement import dates

OWN = {"dates-shifted", "backscatter-differs", "water-method-doubtful"}


@pytest.mark.parametrize(
    ("statistics", "flooded", "bias", "rows", "told"),
    [
        ("training", 0.3, 0.0, 0, []),
        ("training", 0.3, -3.0, 0, ["backscatter-differs"]),
        ("training", 0.3, 0.0, 10, ["dates-shifted"]),
        ("training", 0.0, 0.0, 0, []),
        ("scene", 0.3, 0.0, 0, []),
        ("scene", 0.3, -3.0, 0, []),
        ("scene-quantiles", 0.3, 0.0, 10, ["dates-shifted"]),
        ("scene", 0.0, 0.0, 0, ["water-method-doubtful"]),
        ("scene-quantiles", 1.0, 0.0, 0, ["water-method-doubtful"]),
    ],
)
def test_dates_of_a_network_are_compared(
    tmp_path: Path,
    zoo: Path,
    messages: Messages,
    statistics: str,
    flooded: float,
    bias: float,
    rows: int,
    told: list[str],
) -> None:
    """A network that normalises each scene by itself sees no level; it cannot tell all flood from none."""
    before, after = dates(flooded)
    paths = [
        raster(tmp_path / f"{name}.tif", {"vv": image})
        for name, image in (("before", before), ("after", np.roll(after + np.float32(bias), rows, axis=0)))
    ]
    options = {"before": (SceneSpec(paths=(str(paths[0]),)),), "model": str(two_dates(zoo, statistics))}
    run(tmp_path, paths[1], **options)
    assert [code for code in messages.codes if code in OWN] == told


def test_dates_without_a_window_in_common_are_still_mapped(
    tmp_path: Path, zoo: Path, messages: Messages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_dates, "SHIFT_SIZE", 64)
    monkeypatch.setattr(network_dates, "SHIFTS", 1)
    before, after = dates()
    before[:, :-64] = np.nan
    paths = [
        raster(tmp_path / f"{name}.tif", {"vv": image})
        for name, image in (("before", before), ("after", after))
    ]
    earlier = (SceneSpec(paths=(str(paths[0]),)),)
    record, _ = run(tmp_path, paths[1], before=earlier, model=str(two_dates(zoo, "training")))
    assert 0 < record.valid_share < 0.5
    assert not OWN & set(messages.codes)


def test_a_date_before_of_another_band_is_not_compared(tmp_path: Path, zoo: Path, messages: Messages) -> None:
    before, after = dates()
    bands = ("before:vh", "vv")
    model = bundle(zoo / "crossed", bands, units="db", evidence=proof(bands, units="db"))
    first = raster(tmp_path / "before.tif", {"vh": before - 20})
    second = raster(tmp_path / "after.tif", {"vv": after})
    run(tmp_path, second, before=(SceneSpec(paths=(str(first),)),), model=str(model))
    assert not OWN & set(messages.codes)


@pytest.mark.parametrize("first", ["vv", "t1:vv"])
@pytest.mark.parametrize(
    ("statistics", "bias", "rows", "told"),
    [
        ("training", 0.0, 0, []),
        ("training", -3.0, 0, ["backscatter-differs"]),
        ("training", 0.0, 10, ["dates-shifted"]),
        ("scene", -3.0, 0, []),
        ("scene", 0.0, 10, ["dates-shifted"]),
    ],
)
def test_dates_of_a_series_are_compared_with_the_last(
    first: str,
    statistics: str,
    bias: float,
    rows: int,
    told: list[str],
    tmp_path: Path,
    zoo: Path,
    messages: Messages,
) -> None:
    before, after = dates()
    changed = np.roll(before + np.float32(bias), rows, axis=0)
    days = {"c_20240501": after, "a_20240301": changed, "b_20240401": before}
    paths = [raster(tmp_path / f"{name}T050000.tif", {"vv": image}) for name, image in days.items()]
    bands = (first, "t2:vv", "t3:vv")
    model = bundle(zoo / "series", bands, units="db", evidence=None, statistics=statistics)
    run(tmp_path, tuple(paths), model=str(model))
    assert [code for code in messages.codes if code in OWN] == told
    if told:
        assert any("scene 1 before" in text for text in messages.warnings)
