"""The choice of a water method, and its sessions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from geoseg.errors import BandError, SceneError, UsageError
from geoseg.flood.water import METHODS, Choice, WaterSession, candidate_bands, fix
from geoseg.grid import Window
from geoseg.pixels import Pixels
from geoseg.spec import FloodSpec, RunSpec, SceneSpec, Units

Image = NDArray[np.float32]
Scene = Mapping[str, Image]
SIDE = 256
TENS = (10.0, 10.0)


def request(**options: object) -> FloodSpec:
    scene = SceneSpec(paths=("scene.tif",))
    return FloodSpec.model_validate({"scene": scene, "run": RunSpec(output=Path("out.gpkg")), **options})


def disc(share: float = 0.3, side: int = SIDE) -> NDArray[np.bool_]:
    y, x = np.mgrid[:side, :side] - side / 2
    return np.asarray(np.hypot(x, y) < side * math.sqrt(share / math.pi))


def radar(water: NDArray[np.bool_], seed: int = 0, land: float = -9.0) -> Scene:
    """Backscatter in dB with 4.4 looks of speckle; water is 10 dB darker."""
    rng = np.random.default_rng(seed)
    out = {}
    for name, level in (("vv", land), ("vh", land - 6)):
        db = np.where(water, level - 10, level) + 10 * np.log10(rng.gamma(4.4, 1 / 4.4, water.shape))
        out[name] = db.astype(np.float32)
    return out


def optical(water: NDArray[np.bool_], seed: int = 0) -> Scene:
    """Reflectance of clear water and of vegetation, with noise."""
    rng = np.random.default_rng(seed)
    levels = {
        "blue": (0.06, 0.04),
        "green": (0.08, 0.07),
        "nir": (0.03, 0.35),
        "swir16": (0.02, 0.2),
        "swir22": (0.01, 0.1),
    }
    return {
        name: (np.where(water, wet, dry) + rng.normal(0, 0.005, water.shape)).astype(np.float32)
        for name, (wet, dry) in levels.items()
    }


def stack(scene: Scene, bands: tuple[str, ...]) -> Image:
    return np.stack([scene[name] for name in bands])


def earlier(scene: Scene, index: int = 0) -> Scene:
    prefix = "before" if index == 0 else f"before{index + 1}"
    return {f"{prefix}:{name}": values for name, values in scene.items()}


def choose(scene: Scene, spec: FloodSpec, before: int = 0, units: Units | None = None) -> Choice:
    own = [name for name in scene if ":" not in name and name not in ("hand", "slope", "permanent_water")]
    kind = "sar" if "vv" in own or "vh" in own else "optical"
    units = units or ("db" if kind == "sar" else "reflectance")
    found = candidate_bands(spec, own, "sar" if kind == "sar" else "optical", before, units)
    return fix(spec, found, [stack(scene, found.bands)], TENS)


def score(scene: Scene, choice: Choice) -> Image:
    planes: Image = WaterSession(choice)(stack(scene, choice.bands)[np.newaxis])[0]
    return planes


def agreement(mapped: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    return float((mapped & truth).sum() / (mapped | truth).sum())


WATER = disc()


@pytest.mark.parametrize("name", ["ndwi", "mndwi", "awei-nsh", "awei-sh"])
def test_every_index_finds_a_lake(name: str) -> None:
    scene = optical(WATER)
    choice = choose(scene, request(method=name))
    assert agreement(score(scene, choice)[0] > 0.5, WATER) > 0.99
    assert not choice.warnings
    assert choice.margin == 0


@pytest.mark.parametrize("name", ["sar-vv", "sar-vh"])
@pytest.mark.parametrize("thresholding", ["auto", "otsu", "ki", "bmax-otsu", "edge-otsu", "hsba"])
def test_backscatter_finds_a_lake(name: str, thresholding: str) -> None:
    scene = radar(WATER)
    choice = choose(scene, request(method=name, thresholding=thresholding))
    assert agreement(score(scene, choice)[0] > 0.5, WATER) > 0.95
    assert not choice.warnings
    assert (choice.seed is not None) == (thresholding == "auto")


@pytest.mark.parametrize("name", ["logratio", "unspider", "zscore"])
def test_change_finds_a_flood_and_keeps_the_lake_apart(name: str) -> None:
    lake, flooded = disc(0.05), disc(0.4)
    scene = dict(radar(flooded))
    for index in range(5):
        scene |= earlier(radar(lake, seed=10 + index), index)
    choice = choose(scene, request(method=name), before=5 if name == "zscore" else 1)
    planes = score(scene, choice)
    classes = planes.argmax(axis=0)
    assert agreement(classes == 1, flooded & ~lake) > 0.9
    # The focal mean of 50 m blurs a lake of 30 pixels radius.
    assert agreement(classes == 2, lake) > (0.65 if name == "unspider" else 0.85)


def test_water_before_is_permanent_for_indices() -> None:
    lake, flooded = disc(0.05), disc(0.4)
    scene = {**optical(flooded), **earlier(optical(lake, seed=1))}
    choice = choose(scene, request(), before=1)
    assert choice.bands == ("green", "swir16", "nir", "before:green", "before:swir16")
    classes = score(scene, choice).argmax(axis=0)
    assert agreement(classes == 1, flooded & ~lake) > 0.98
    assert agreement(classes == 2, lake) > 0.98


def test_reference_layer_splits_water_and_unknown_decides_nothing() -> None:
    layer = np.zeros((SIDE, SIDE), np.float32)
    layer[: SIDE // 2] = 1
    layer[:, :10] = np.nan
    scene = {**optical(WATER), "permanent_water": layer}
    choice = choose(scene, request(permanent_water=Path("jrc.tif")))
    planes = score(scene, choice)
    classes = planes.argmax(axis=0)
    assert choice.three_classes
    assert WaterSession(choice).planes == 3
    assert agreement(classes == 2, WATER & (layer > 0)) > 0.98
    assert agreement(classes == 1, WATER & ~(layer > 0)) > 0.98
    assert planes.min() >= 0
    assert planes.max() <= 1


def test_terrain_drops_water_and_unknown_terrain_does_not() -> None:
    hand, slope = np.zeros((2, SIDE, SIDE), np.float32)
    hand[: SIDE // 2] = 16
    hand[SIDE // 2 :] = np.nan
    slope[:, : SIDE // 2] = 5.1
    scene = {**radar(WATER), "hand": hand, "slope": slope}
    choice = choose(scene, request(hand=Path("hand.tif"), slope=Path("slope.tif")))
    mapped = score(scene, choice)[0] > 0.5
    allowed = np.zeros_like(WATER)
    allowed[SIDE // 2 :, SIDE // 2 :] = True
    assert agreement(mapped, WATER & allowed) > 0.9
    assert not mapped[~allowed].any()


@pytest.mark.parametrize("name", METHODS)
def test_half_at_the_threshold_and_nothing_where_unknown(name: str) -> None:
    method = METHODS[name]
    choice = Choice(
        method=name, bands=(), threshold=0.4, scale=0.2, margin=0, three_classes=False, polarisations=("vh",)
    )
    assert choice.score(0.4) == 0.5
    assert (choice.score(0.5) > 0.5) != method.water_below


@given(threshold=st.floats(-0.5, 0.5), offset=st.integers(-3, 3))
def test_score_is_above_half_on_the_side_of_water_only(threshold: float, offset: int) -> None:
    choice = Choice(
        method="mndwi",
        bands=("green", "swir16"),
        threshold=threshold,
        scale=0.1,
        margin=0,
        three_classes=False,
    )
    index = float(np.float32(threshold)) + offset * 0.01
    pixels = np.array([[[[(1 + index) / 2]], [[(1 - index) / 2]]]], np.float32)
    found = WaterSession(choice)(pixels)[0, 0, 0, 0]
    if offset:
        assert (found > 0.5) == (offset > 0)
        assert found == pytest.approx(choice.score(index), abs=1e-3)
    else:
        assert found == pytest.approx(0.5, abs=1e-5)


def test_unknown_pixels_have_no_water() -> None:
    for scene, spec in ((dict(radar(WATER)), request()), (dict(optical(WATER)), request())):
        choice = choose(scene, spec)
        holes = {name: np.where(disc(0.1), np.nan, values) for name, values in scene.items()}
        planes = score(holes, choice)
        assert (planes[0][disc(0.1)] == 0).all()
        assert np.isfinite(planes).all()


CASES: dict[str, tuple[dict[str, object], int]] = {
    "mndwi": ({}, 0),
    "sar-vh": ({"polarisation": "vh"}, 0),
    "boxcar": ({"method": "sar-vv", "speckle": "boxcar"}, 0),
    "no filter": ({"method": "sar-vv", "speckle": "none"}, 0),
    "logratio": ({"method": "logratio"}, 1),
    "unspider": ({"method": "unspider"}, 1),
    "zscore": ({"method": "zscore"}, 3),
}


@pytest.fixture(scope="module")
def prepared() -> dict[str, tuple[WaterSession, Image, Image]]:
    out = {}
    for name, (options, before) in CASES.items():
        scene = dict(optical(WATER) if name == "mndwi" else radar(WATER))
        for index in range(before):
            scene |= earlier(radar(disc(0.05), seed=20 + index), index)
        hole = np.random.default_rng(9).random((SIDE, SIDE)) < 0.002
        choice = choose(scene, request(**options), before=before)
        pixels = stack(scene, choice.bands)
        pixels[:, hole] = np.nan
        session = WaterSession(choice)
        out[name] = session, pixels, session(pixels[np.newaxis])[0]
    return out


@pytest.mark.parametrize("name", CASES)
@given(row=st.integers(5, 120), col=st.integers(5, 120), size=st.integers(1, 100))
@settings(max_examples=8, deadline=None)
def test_scores_do_not_depend_on_the_tile(
    prepared: dict[str, tuple[WaterSession, Image, Image]], name: str, row: int, col: int, size: int
) -> None:
    session, pixels, whole = prepared[name]
    margin = session.choice.margin
    around = np.s_[:, row - margin : row + size + margin, col - margin : col + size + margin]
    crop = session(np.stack([pixels[around], pixels[around][:, ::-1]]))[0]
    inner = crop[:, margin : margin + size, margin : margin + size]
    assert np.array_equal(inner, whole[:, row : row + size, col : col + size])


@pytest.mark.parametrize(("land", "share"), [(-9.0, 0), (-22.0, 1)])
def test_one_kind_of_ground_is_not_split_by_radar(land: float, share: int) -> None:
    scene = radar(np.zeros((SIDE, SIDE), np.bool_), land=land)
    choice = choose(scene, request())
    assert any(text.startswith("unimodal") for text in choice.warnings)
    assert choice.threshold == -20
    assert (score(scene, choice)[0] > 0.5).mean() == pytest.approx(share, abs=0.001)


@pytest.mark.parametrize("share", [0, 1])
def test_one_kind_of_ground_is_not_split_by_an_index(share: int) -> None:
    scene = optical(np.full((SIDE, SIDE), share == 1))
    choice = choose(scene, request())
    assert any(text.startswith("unimodal") for text in choice.warnings)
    assert choice.threshold == 0
    assert (score(scene, choice)[0] > 0.5).mean() == share


def test_two_kinds_of_land_are_not_water_and_land() -> None:
    rng = np.random.default_rng(0)
    for low, high, name in ((-0.7, -0.35, "mndwi"), (-17.0, -9.0, "sar-vh")):
        values = np.where(WATER, low, high) + rng.normal(0, 0.02 * abs(low), WATER.shape)
        scene: Scene = (
            {"green": (1 + values).astype(np.float32), "swir16": (1 - values).astype(np.float32)}
            if name == "mndwi"
            else {"vh": values.astype(np.float32)}
        )
        choice = choose(scene, request(method=name, speckle="none"))
        assert any(text.startswith("unimodal") for text in choice.warnings), name
        assert not (score(scene, choice)[0] > 0.5).any(), name


def test_the_other_polarisation_stands_in() -> None:
    scene = {"vh": radar(np.zeros_like(WATER))["vh"], "vv": radar(WATER)["vv"]}
    choice = choose(scene, request())
    assert choice.method == "sar-vv"
    assert choice.bands == ("vv",)
    assert any("shows no two classes" in text for text in choice.notes)


def test_what_is_chosen_for_what_there_is() -> None:
    def best(bands: list[str], before: int = 0) -> str:
        radar_bands = set(bands) <= {"vv", "vh"}
        return candidate_bands(request(), bands, "sar" if radar_bands else "optical", before).methods[0]

    assert best(["green", "nir", "swir16"]) == "mndwi"
    assert best(["green", "nir"]) == "ndwi"
    assert best(["vv"]) == "sar-vv"
    assert best(["vv", "vh"]) == "sar-vh"
    assert best(["vv", "vh"], 1) == "logratio"
    assert best(["vv", "vh"], 3) == "zscore"


def test_choices_say_why() -> None:
    choice = choose(radar(WATER), request())
    text = " ".join(choice.notes)
    for word in ("sar-vh", "Ashman D", "Bmax", "of the sample", "threshold", "looks"):
        assert word in text
    assert "VH" in WaterSession(choice).description
    assert f"{choice.threshold:.4g}" in WaterSession(choice).description


def test_the_threshold_given_wins() -> None:
    scene = radar(WATER)
    choice = choose(scene, request(threshold=-23.5))
    assert choice.threshold == -23.5
    assert choice.seed is None
    assert not choice.warnings


def test_region_growing_has_a_seed_beyond_the_threshold() -> None:
    choice = choose(radar(WATER), request())
    assert choice.seed is not None
    assert 0.5 < choice.seed <= 1
    assert -30 <= choice.threshold <= -18


def test_clouds_and_snow_are_not_water() -> None:
    scene = dict(optical(WATER))
    cloud = np.zeros_like(WATER)
    cloud[:60, :60] = True
    for name, value in (("green", 0.6), ("nir", 0.55), ("swir16", 0.3)):
        scene[name] = np.where(cloud, value, scene[name]).astype(np.float32)
    choice = choose(scene, request())
    assert not (score(scene, choice)[0] > 0.5)[cloud].any()
    assert any("cloud or snow" in text for text in choice.warnings)
    assert agreement(score(scene, choice)[0] > 0.5, WATER & ~cloud) > 0.98


def test_slightly_negative_reflectance_is_dark_water() -> None:
    scene = dict(optical(WATER))
    scene["swir16"] = np.where(WATER, np.float32(-0.02), scene["swir16"])
    scene["green"] = np.where(WATER, np.float32(0.01), scene["green"])
    assert agreement(score(scene, choose(scene, request()))[0] > 0.5, WATER) > 0.99


def test_indices_work_on_digital_numbers_but_sums_do_not() -> None:
    scene = {name: values * 10000 for name, values in optical(WATER).items()}
    choice = choose(scene, request(), units="dn")
    assert choice.nir_limit is None
    assert agreement(score(scene, choice)[0] > 0.5, WATER) > 0.99
    with pytest.raises(SceneError, match="reflectance"):
        choose(scene, request(method="awei-sh"), units="dn")


def test_pixels_are_taken_as_well_as_arrays() -> None:
    scene = optical(WATER)
    found = candidate_bands(request(), list(scene), "optical", 0)
    stored = np.round(stack(scene, found.bands) * 10000 + 1000).astype(np.uint16)
    pixels = Pixels(
        window=Window(row=0, col=0, height=SIDE, width=SIDE),
        bands=found.bands,
        data=stored,
        valid=np.ones((SIDE, SIDE), np.bool_),
        scale=(1e-4,) * 3,
        offset=(-0.1,) * 3,
    )
    assert fix(request(), found, [pixels]).threshold == pytest.approx(
        fix(request(), found, [stack(scene, found.bands)]).threshold, abs=0.02
    )


@pytest.mark.parametrize(
    ("options", "bands", "kind", "before", "error", "words"),
    [
        ({"method": "magic"}, ["vv"], "sar", 0, UsageError, "there are auto"),
        ({"method": "mndwi"}, ["vv"], "sar", 0, SceneError, "optical"),
        ({"method": "mndwi"}, ["green", "nir"], "optical", 0, BandError, "swir16"),
        ({"method": "logratio"}, ["vv"], "sar", 0, UsageError, "--before"),
        ({"method": "zscore"}, ["vv"], "sar", 1, UsageError, "2 scene"),
        ({}, ["red", "blue"], "optical", 0, BandError, "--band"),
        ({}, ["hh"], "sar", 0, BandError, "vv"),
        ({"polarisation": "vh"}, ["vv"], "sar", 0, BandError, "vh"),
    ],
)
def test_what_cannot_be(
    options: dict[str, object],
    bands: list[str],
    kind: str,
    before: int,
    error: type[Exception],
    words: str,
) -> None:
    with pytest.raises(error, match=words):
        candidate_bands(request(**options), bands, "sar" if kind == "sar" else "optical", before)


def test_linear_power_is_refused() -> None:
    with pytest.raises(SceneError, match="linear"):
        candidate_bands(request(), ["vv"], "sar", 0, "linear")


def test_focal_mean_of_fifty_metres_needs_pixels_of_that_order() -> None:
    spec = request(method="unspider")
    found = candidate_bands(spec, ["vh"], "sar", 1, "db")
    sample = np.full((2, 8, 8), -10, np.float32)
    with pytest.raises(SceneError, match="resample"):
        fix(spec, found, [sample], (0.3, 0.3))
    assert fix(spec, found, [sample], (10.0, 20.0)).margin == 5
    assert any("pixel size" in text for text in fix(spec, found, [sample]).warnings)


def test_few_scenes_before_are_warned_about() -> None:
    found = candidate_bands(request(), ["vv"], "sar", 2, "db")
    assert any("relative orbit" in text for text in found.warnings)
    assert not candidate_bands(request(), ["vv"], "sar", 5, "db").warnings
