"""Stored values become what a network was trained on, and scenes that do not fit are refused or warned of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from geoseg.engine.input_check import check_fit
from geoseg.engine.normalise import Normaliser, fit_to_scene, scene_quantiles
from geoseg.errors import ModelError
from geoseg.grid import Window
from geoseg.messages import Collected, collecting
from geoseg.pixels import Pixels
from geoseg.spec import ClassSpec, ModelBand, ModelSpec, Units

BANDS = {"green": (0.11, 0.05), "red": (0.12, 0.06), "nir08": (0.25, 0.10), "swir16": (0.24, 0.09)}


def make_spec(bands: dict[str, tuple[float, float]] | None = None, **changes: object) -> ModelSpec:
    spec = ModelSpec(
        name="net",
        bands=tuple(
            ModelBand(name=name, mean=mean, std=std) for name, (mean, std) in (bands or BANDS).items()
        ),
        units="reflectance",
        classes=(
            ClassSpec(value=0, label="land", colour="#000000"),
            ClassSpec(value=1, label="water", colour="#0000ff"),
        ),
        weights="m.onnx",  # type: ignore[arg-type]
    )
    return spec.model_copy(update=changes)


def make_pixels(
    data: np.ndarray,
    bands: tuple[str, ...],
    *,
    valid: np.ndarray | None = None,
    scale: float = 1.0,
    offset: float = 0.0,
) -> Pixels:
    height, width = data.shape[1:]
    return Pixels(
        window=Window(row=0, col=0, height=height, width=width),
        bands=bands,
        data=data,
        valid=np.ones((height, width), bool) if valid is None else valid,
        scale=(scale,) * len(bands),
        offset=(offset,) * len(bands),
    )


def scene(spec: ModelSpec, *, times: float = 1.0, plus: float = 0.0, seed: int = 1) -> list[Pixels]:
    """Two blocks of a scene like the training pixels, multiplied and shifted."""
    random = np.random.default_rng(seed)
    names = tuple(band.name for band in spec.bands)
    mean, std = (np.array([getattr(band, key) for band in spec.bands]) for key in ("mean", "std"))
    blocks = []
    for _ in range(2):
        values = random.normal(size=(len(names), 40, 40)) * 0.8
        physical = (values * std[:, None, None] + mean[:, None, None]) / spec.scale
        blocks.append(make_pixels(physical * times + plus, names))
    return blocks


def fit(
    spec: ModelSpec, sample: list[Pixels], units: Units = "reflectance", size: float | None = 10
) -> Collected:
    with collecting() as found:
        check_fit(spec, {band.name: units for band in spec.bands}, sample, size)
    return found


STORED = st.sampled_from([np.uint8, np.int16, np.uint16, np.float32]).flatmap(
    lambda dtype: arrays(dtype, (2, 5, 6), elements=st.integers(0, 250))
)


@given(
    stored=STORED,
    valid=arrays(np.bool_, (5, 6)),
    scale=st.floats(1e-5, 10),
    offset=st.floats(-1, 1),
    model_scale=st.sampled_from([1.0, 10_000.0, 1 / 255]),
    clip=st.sampled_from([None, (0.0, 1.0), (-5.0, 40.0)]),
    fill=st.sampled_from([0.0, -1.0]),
)
def test_as_the_formula_says(
    stored: np.ndarray,
    valid: np.ndarray,
    scale: float,
    offset: float,
    model_scale: float,
    clip: tuple[float, float] | None,
    fill: float,
) -> None:
    spec = make_spec({"red": (0.3, 0.2), "green": (12.0, 7.0)}, scale=model_scale, clip=clip, fill=fill)
    pixels = make_pixels(stored, ("red", "green"), valid=valid, scale=scale, offset=offset)
    before = stored.copy()
    x = (stored.astype(np.float64) * scale + offset) * model_scale
    if clip is not None:
        x = np.clip(x, *clip)
    expected = np.stack([(x[0] - 0.3) / 0.2, (x[1] - 12.0) / 7.0])
    expected[:, ~valid] = fill
    given_out = np.full((3, 2, 5, 6), np.nan, np.float32)
    found = Normaliser(spec)(pixels, out=given_out[1])
    largest = np.abs(x).max() / 0.2 + 3
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * largest)
    np.testing.assert_array_equal(given_out[1], found)
    np.testing.assert_array_equal(found, Normaliser(spec)(pixels))
    np.testing.assert_array_equal(stored, before)
    assert found.dtype == np.float32


def test_bands_are_found_by_name() -> None:
    data = np.arange(24, dtype=np.uint16).reshape(3, 2, 4)
    spec = make_spec({"nir08": (0, 1), "green": (0, 1)})
    pixels = make_pixels(data, ("green", "red", "nir08"))
    np.testing.assert_array_equal(Normaliser(spec)(pixels), data[[2, 0]])
    with pytest.raises(ModelError, match="net needs band swir16; the scene has green, red, nir08"):
        Normaliser(make_spec({"green": (0, 1), "swir16": (0, 1)}))(pixels)


def test_layers_go_along_in_physical_values() -> None:
    """Behind the model's bands, by name, neither clipped nor normalised; NaN where they are not known."""
    data = np.array([[[40.0, np.nan, 7.0]], [[0.1, 0.3, 0.9]]], np.float32)
    pixels = make_pixels(data, ("height", "red"), valid=np.array([[True, True, False]]), scale=2, offset=1)
    normaliser = Normaliser(make_spec({"red": (1.0, 0.1)}, clip=(0, 1.5), fill=-3), ("height",))
    found = normaliser(pixels)
    assert normaliser.channels == 2
    np.testing.assert_allclose(found, np.array([[[2, 5, -3]], [[81, np.nan, -3]]]), rtol=1e-5)
    with pytest.raises(ModelError, match="needs band height"):
        normaliser(pixels.select(("red",)))


def test_nan_where_not_observed_does_not_spread() -> None:
    data = np.full((1, 3, 3), 0.2, np.float32)
    data[0, 1, 1] = np.nan
    pixels = make_pixels(data, ("red",), valid=np.isfinite(data[0]))
    found = Normaliser(make_spec({"red": (0.1, 0.1)}, fill=-3.0))(pixels)
    assert found[0, 1, 1] == -3
    assert np.count_nonzero(found == 1) == 8


def test_large_numbers_keep_their_digits() -> None:
    data = np.array([[[2_000_000_001, 2_000_000_003]]], np.int64)
    found = Normaliser(make_spec({"x": (2e9, 1.0)}))(make_pixels(data, ("x",)))
    np.testing.assert_array_equal(found[0, 0], [1, 3])


def test_what_fits_passes_in_silence() -> None:
    spec = make_spec(resolution=10)
    assert not fit(spec, scene(spec)).messages
    scaled = make_spec({name: (m * 1e4, s * 1e4) for name, (m, s) in BANDS.items()}, scale=1e4)
    assert not fit(scaled, scene(scaled)).messages


@pytest.mark.parametrize(
    ("wants", "gives", "told"),
    [
        ("reflectance", "dn", "requires reflectance, the scene has green in dn.*`--sensor`"),
        ("reflectance", "db", "requires reflectance, the scene has green in db"),
        ("db", "linear", "requires db, the scene has green in linear.*`--sar-units power`"),
        ("dn", "reflectance", "`--sensor generic`"),
    ],
)
def test_other_units_are_refused(wants: Units, gives: Units, told: str) -> None:
    spec = make_spec(units=wants)
    with pytest.raises(ModelError, match=told) as caught:
        fit(spec, scene(spec), gives)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("times", "told"),
    [(1e4, "like reflectance x 10000"), (1e-4, "like reflectance / 10000"), (255.0, "like 8-bit values")],
)
def test_a_lost_scale_is_recognised(times: float, told: str) -> None:
    spec = make_spec()
    with pytest.raises(ModelError, match=told) as caught:
        fit(spec, scene(spec, times=times))
    assert "has median" in str(caught.value)
    assert "--sensor" in str(caught.value)


def test_a_lost_offset_is_warned_of() -> None:
    spec = make_spec({name: (mean, 0.02) for name, (mean, _) in BANDS.items()})
    found = fit(spec, scene(spec, plus=0.1))
    assert "offset of -1000 was not applied" in found.warnings[0].text
    assert len(found.warnings) == 5  # each band is five deviations off, besides


def test_an_offset_applied_twice_is_told() -> None:
    spec = make_spec(dict.fromkeys(BANDS, (0.04, 0.005)))
    with pytest.raises(ModelError, match="offset was applied twice"):
        fit(spec, scene(spec, plus=-0.1))


def test_far_values_are_named() -> None:
    spec = make_spec()
    blocks = scene(spec)
    for block in blocks:
        block.data[2] += 0.45
    (warning,) = fit(spec, blocks).warnings
    assert warning.code == "values-unlike-training"
    assert "nir08 has median 0.69" in warning.text
    assert "trained on 0.25 ± 0.1" in warning.text
    assert "4.5 standard deviations off" in warning.text
    for block in blocks:
        block.data[2] += 1
    with pytest.raises(ModelError, match=r"nir08 has median 1\.[67].* 1[45] standard deviations off"):
        fit(spec, blocks)


def test_dark_water_is_no_lost_scale() -> None:
    """Open water: shortwave infrared is a hundredth of land's, green is not."""
    spec = make_spec()
    random = np.random.default_rng(2)
    names = tuple(BANDS)
    levels = np.array([0.05, 0.03, 0.01, 0.002])[:, None, None]
    block = make_pixels(np.abs(levels * (1 + 0.2 * random.normal(size=(4, 40, 40)))), names)
    assert not fit(spec, [block]).messages


def test_unobserved_pixels_do_not_count() -> None:
    spec = make_spec()
    blocks = scene(spec)
    spoilt = [
        make_pixels(
            np.where(np.arange(40) < 35, 9999.0, block.data),
            block.bands,
            valid=np.broadcast_to(np.arange(40) >= 35, (40, 40)),
        )
        for block in blocks
    ]
    assert fit(spec, spoilt).warnings == ()
    none = [make_pixels(block.data, block.bands, valid=np.zeros((40, 40), bool)) for block in blocks]
    assert "no observed pixel" in fit(spec, none).notes[0]


def test_decibels_must_be_negative_somewhere() -> None:
    spec = make_spec({"vv": (-12.0, 4.0), "vh": (-19.0, 4.0)}, units="db")
    assert not fit(spec, scene(spec), "db").messages
    power = [make_pixels(10 ** (block.data.astype(float) / 10), block.bands) for block in scene(spec)]
    with pytest.raises(ModelError, match=r"no negative value.*`--sar-units power`"):
        fit(spec, power, "db")


def test_saturated_values() -> None:
    spec = make_spec({"red": (0, 1)}, units="dn", scale=1 / 255, clip=(0.0, 1.0), statistics_known=False)
    eight_bit = np.random.default_rng(3).integers(0, 256, (1, 40, 40)).astype(np.uint8)
    assert fit(spec, [make_pixels(eight_bit, ("red",))], "dn").warnings == ()
    half = make_pixels(np.where(np.arange(40) < 24, 3000, 100) * np.ones((1, 40, 40), np.uint16), ("red",))
    (warning,) = fit(spec, [half], "dn").warnings
    assert "60% of band red lies outside (0.0, 1.0)" in warning.text
    with pytest.raises(ModelError, match="100% of band red"):
        fit(spec, [make_pixels(np.full((1, 40, 40), 3000, np.uint16), ("red",))], "dn")


def test_unknown_statistics_are_said() -> None:
    spec = make_spec(statistics_known=False)
    found = fit(spec, scene(spec, plus=0.9))
    assert found.warnings == ()
    assert "has no training statistics" in found.notes[0]


@pytest.mark.parametrize(
    ("size", "warned"),
    [(10, False), (14, False), (None, False), (float("nan"), False), (30, True), (3, True)],
)
def test_other_pixel_sizes_are_warned_of(size: float | None, warned: bool) -> None:
    spec = make_spec(resolution=10)
    warnings = fit(spec, scene(spec), size=size).warnings
    assert bool(warnings) is warned
    if warned:
        assert "was trained at 10 m" in warnings[0].text


def test_a_scene_all_cloud_is_warned_of_not_refused() -> None:
    """Possible values far from training are the sky's doing; impossible ones are a mistake."""
    spec = make_spec(dict.fromkeys(BANDS, (0.05, 0.02)))
    rng = np.random.default_rng(0)
    names = tuple(BANDS)
    cloud = [make_pixels(rng.uniform(0.5, 0.9, (len(names), 64, 64)), names)]
    assert any("standard deviations off" in item.text for item in fit(spec, cloud).warnings)
    with pytest.raises(ModelError):
        fit(spec, [make_pixels(rng.uniform(3, 9, (len(names), 64, 64)), names)])


def test_quantiles_of_a_scene_do_not_move_with_gain_flood_or_fill() -> None:
    """Half the scene may be under water, a strip may be fill: bright land and the range stay."""
    rng = np.random.default_rng(3)
    land = rng.normal(170, 10, (1, 200, 200))
    dry = np.where(rng.random(land.shape) < 0.1, rng.normal(60, 5, land.shape), land).astype(np.uint8)
    wet = dry.copy()
    wet[:, :80] = rng.normal(60, 5, wet[:, :80].shape)
    filled = dry.copy()
    filled[:, :, :15] = 255
    (dry_land, dry_unit), *others = (
        scene_quantiles([make_pixels(image, ("vv",))], ("vv",))[0] for image in (dry, wet, filled)
    )
    for found_land, found_unit in others:
        assert abs(found_land - dry_land) < 0.35 * dry_unit
        assert found_unit == pytest.approx(dry_unit, rel=0.05)
    (stretched,) = scene_quantiles([make_pixels(dry * 0.5 + 7.0, ("vv",))], ("vv",))
    assert stretched == pytest.approx((dry_land * 0.5 + 7, dry_unit * 0.5), rel=0.01)


def test_a_model_says_which_statistics_normalise_its_scene() -> None:
    pixels = [make_pixels(np.arange(1, 251, dtype=np.uint8).reshape(1, 10, 25), ("vv",))]
    spec = make_spec({"vv": (0.0, 1.0)})
    found = {
        name: fit_to_scene(spec.model_copy(update={"statistics": name}), pixels).bands[0].mean
        for name in ("training", "scene", "scene-quantiles")
    }
    assert found == pytest.approx({"training": 0.0, "scene": 125.5, "scene-quantiles": 225.1})
