"""What networks of one and of two dates are given, and the layers beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

from geoseg.errors import UsageError
from geoseg.spec import (
    SceneSpec,
)
from geoseg.tasks.flood.choice import HAND, PERMANENT, SLOPE
from geoseg.tasks.flood.flood_network import WaterWithLayers
from tests.messages import Messages
from tests.tasks.flood.network_bundles import LIMITS, SIDE, bundle, known, pair, raster, run, scene, two_dates


def test_a_network_may_give_both_classes(tmp_path: Path, zoo: Path) -> None:
    """With and without a layer beside, its second plane is water."""
    model = bundle(zoo / "both", ("green", "swir16"), planes=2)
    known = raster(tmp_path / "known.tif", {"water": np.arange(SIDE * SIDE).reshape(SIDE, SIDE) < 40 * SIDE})
    for options, counts in (({}, [1600]), ({"permanent_water": known}, [800, 800])):
        _, mapped = run(tmp_path, scene(tmp_path), model=str(model), **options)
        assert np.unique(mapped[mapped > 0], return_counts=True)[1].tolist() == counts


class Sure:
    """A network that gives one score everywhere."""

    planes, batch, description = 1, 1, "sure"

    def __init__(self, score: float) -> None:
        self.score = score

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        return np.full((len(batch), 1, *batch.shape[2:]), self.score, np.float32)

    def close(self) -> None:
        """Nothing is held."""


def test_each_layer_of_a_water_network() -> None:
    """At a limit ground may be wet, beyond it not; where a layer is not known it decides nothing."""
    tiles = np.ones((1, 4, 1, 7), np.float32)
    tiles[0, 1, 0] = [0, 1, 1, 1, np.nan, 1, 0]  # permanent water
    tiles[0, 2, 0] = [15, 15, 15.5, 0, np.nan, np.nan, 20]  # above drainage
    tiles[0, 3, 0] = [0, 5, 5, 6, np.nan, 0, 9]  # slope
    network = Sure(0.75)
    scores = WaterWithLayers(network, 1, known(PERMANENT, HAND, SLOPE), LIMITS)(tiles)[0, :, 0]
    np.testing.assert_array_equal(scores[1], [0.75, 0, 0, 0, 0.75, 0, 0])
    np.testing.assert_array_equal(scores[2], [0, 0.75, 0, 0, 0, 0.75, 0])
    np.testing.assert_array_equal(scores[0], [0.25, 0.25, 1, 1, 0.25, 0.25, 1])
    (water,) = WaterWithLayers(network, 1, known(HAND, SLOPE), LIMITS)(tiles[:, [0, 2, 3]])[0, :, 0]
    np.testing.assert_array_equal(water, [0.75, 0.75, 0, 0, 0.75, 0.75, 0])


def test_no_layer_hides_what_is_no_number() -> None:
    tiles = np.full((1, 2, 1, 1), 99, np.float32)
    assert np.isnan(WaterWithLayers(Sure(np.nan), 1, known(HAND), LIMITS)(tiles)).all()


@pytest.mark.parametrize("band", ["vv", "vh"])
def test_two_dates_of_any_one_polarisation(tmp_path: Path, zoo: Path, band: str) -> None:
    after, before = pair(tmp_path, band)
    options = {"before": (SceneSpec(paths=(str(before),)),), "model": str(two_dates(zoo))}
    record, mapped = run(tmp_path, after, **options)
    assert (mapped == 1)[30:50, 30:70].all()
    assert record.classes[0].label == "flood"
    assert len(record.inputs) == 2


@pytest.mark.parametrize("statistics", ["scene", "scene-quantiles"])
def test_a_gain_and_an_offset_of_one_date_change_nothing(tmp_path: Path, zoo: Path, statistics: str) -> None:
    """The whole scene's level and spread take them away; so 8-bit stretches of it give the same map."""
    after, before = pair(tmp_path, "vv")
    options = {"before": (SceneSpec(paths=(str(before),)),), "model": str(two_dates(zoo, statistics))}
    _, first = run(tmp_path, after, **options)
    with rasterio.open(after, "r+") as file:
        file.write(file.read() * 1.7 - 4)
    _, second = run(tmp_path, after, **options)
    np.testing.assert_array_equal(first, second)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_nameless_pictures_are_what_the_network_takes(tmp_path: Path, zoo: Path, messages: Messages) -> None:
    rng = np.random.default_rng(2)
    paths = []
    for name, low in (("after", 60), ("before", 140)):
        values = rng.normal(150, 5, (SIDE, SIDE))
        values[40:60, 40:60] = low
        with rasterio.open(
            tmp_path / f"{name}.png", "w", driver="PNG", width=SIDE, height=SIDE, count=1, dtype="uint8"
        ) as file:
            file.write(values.astype(np.uint8), 1)
        paths.append(tmp_path / f"{name}.png")
    before = (SceneSpec(paths=(str(paths[1]),)),)
    _, mapped = run(tmp_path, paths[0], before=before, model=str(two_dates(zoo)))
    assert (mapped == 1)[40:60, 40:60].all()
    assert any("its only band has no name, and is used as vv" in note for note in messages.notes)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_the_map_is_that_of_the_graph_on_the_normalised_scene(tmp_path: Path, zoo: Path) -> None:
    """A strip of fill at an edge is not in the percentiles of the scene, whatever the tiles."""
    rng = np.random.default_rng(5)
    dates = {name: rng.normal(level, 9, (SIDE, SIDE)) for name, level in (("after", 120), ("before", 160))}
    dates["after"][40:60, 40:60] -= 60
    stored = {name: values.clip(1, 254).astype(np.uint8) for name, values in dates.items()}
    stored["after"][:9] = 255
    normal = {}
    for name, values in stored.items():
        with rasterio.open(
            tmp_path / f"{name}.png", "w", driver="PNG", width=SIDE, height=SIDE, count=1, dtype="uint8"
        ) as file:
            file.write(values, 1)
        low, land, high = np.percentile(values[values < 255].astype(float), [1, 90, 99])
        normal[name] = (values - land) / ((high - low) / 4.5)
    before = (SceneSpec(paths=(str(tmp_path / "before.png"),)),)
    model = str(two_dates(zoo, "scene-quantiles"))
    expected = normal["before"] > normal["after"]
    for tile in (None, 64):
        _, mapped = run(tmp_path, tmp_path / "after.png", before=before, model=model, tile=tile)
        assert (mapped == 1).sum() > 400
        assert ((mapped == 1) != expected).mean() < 0.001


@pytest.mark.parametrize(
    ("bands", "befores", "message"),
    [(("before:vv", "vv"), 0, "give one `--before"), (("vv", "vh"), 1, "maps one date")],
)
def test_the_number_of_dates_must_fit(
    tmp_path: Path, zoo: Path, bands: tuple[str, ...], befores: int, message: str
) -> None:
    after, before = pair(tmp_path, "vv")
    path = bundle(zoo / "net", bands, units="db")
    with pytest.raises(UsageError, match=message):
        run(tmp_path, after, model=str(path), before=(SceneSpec(paths=(str(before),)),) * befores)
