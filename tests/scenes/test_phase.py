"""The phase of an interferogram: cosine and sine before any resampling, since an angle wraps."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray

from geoseg.errors import SceneError, SceneReadError, UsageError
from geoseg.grid import Grid
from geoseg.scenes.further_layers import as_stack_layers, layer_bands, open_layers
from geoseg.scenes.phase import is_phase, open_phase
from tests.messages import Messages

SIDE = 32


def write(path: Path, values: NDArray[Any], step: float = 10.0, **options: Any) -> Path:
    unit = options.pop("unit", None)
    with rasterio.open(
        path, "w", **{
            "driver": "GTiff", "count": 1, "dtype": values.dtype.name, "crs": "EPSG:32633",
            "width": values.shape[1], "height": values.shape[0],
            "transform": Affine(step, 0, 500_000, 0, -step, 4_600_000), **options,
        },
    ) as file:  # fmt: skip
        file.write(values, 1)
        if unit:
            file.units = (unit,)
    return path


def ramp() -> NDArray[np.float64]:
    """An unwrapped phase that rises from column to column."""
    return np.tile(np.linspace(-7, 9, SIDE), (SIDE, 1))


def wrapped(phase: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.angle(np.exp(1j * phase)))


def read(path: Path, folder: Path, name: str = "phase", grid: Grid | None = None) -> NDArray[np.float32]:
    """Cosine and sine (2, H, W) as a network reads them."""
    with ExitStack() as stack:
        parts = [stack.enter_context(part) for part in open_phase(path, name, folder)]
        assert [part.band_names for part in parts] == [(f"{name}_cos",), (f"{name}_sin",)]
        views = [part if grid is None else part.onto(grid) for part in parts]
        return np.concatenate([view.read(view.grid.window, view.band_names).physical() for view in views])


@pytest.mark.parametrize(
    "values",
    [
        ramp().astype(np.float32),
        wrapped(ramp()).astype(np.float32),
        (3.7 * np.exp(1j * ramp())).astype(np.complex64),
        np.exp(1j * ramp()).astype(np.complex128),
    ],
    ids=["unwrapped", "wrapped", "complex64", "complex128"],
)
def test_kinds_of_files_give_the_same_layers(values: NDArray[Any], tmp_path: Path) -> None:
    found = read(write(tmp_path / "ifg.tif", values), tmp_path)
    np.testing.assert_allclose(found, [np.cos(ramp()), np.sin(ramp())], atol=2e-6)


def test_degrees_are_read_where_the_file_states_them(tmp_path: Path, messages: Messages) -> None:
    degrees = np.degrees(wrapped(ramp())).astype(np.float32)
    found = read(write(tmp_path / "ifg.tif", degrees, unit="degrees"), tmp_path)
    np.testing.assert_allclose(found, [np.cos(ramp()), np.sin(ramp())], atol=2e-6)
    assert not messages.notes
    read(write(tmp_path / "ifg.tif", (3 * ramp()).astype(np.float32)), tmp_path)
    assert "read as radians" in messages.notes[0]


@pytest.mark.parametrize("unit", ["cycle", "cycles", "Turns"])
def test_cycles_are_read_where_the_file_states_them(unit: str, tmp_path: Path) -> None:
    cycles = (wrapped(ramp()) / (2 * np.pi)).astype(np.float32)
    found = read(write(tmp_path / "ifg.tif", cycles, unit=unit), tmp_path)
    np.testing.assert_allclose(found, [np.cos(ramp()), np.sin(ramp())], atol=2e-6)


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        (wrapped(ramp()) / (2 * np.pi), "cycle"),
        ((wrapped(ramp()) / (2 * np.pi)) % 1, "cycle"),
        (np.degrees(wrapped(ramp())), "degree"),
        (np.degrees(wrapped(ramp())) % 360, "degree"),
    ],
)
def test_values_of_another_unit_are_refused_unless_it_is_stated(
    values: NDArray[np.float64], unit: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "ifg.tif", values.astype(np.float32))
    with pytest.raises(SceneError, match=f"look like {unit}s, and no unit is stated"):
        open_phase(path, "phase", tmp_path)
    read(write(tmp_path / "ifg.tif", values.astype(np.float32), unit="radian"), tmp_path)


@pytest.mark.parametrize(
    ("values", "stated", "looks"),
    [
        (np.degrees(wrapped(ramp())), "radian", "degree"),
        (np.degrees(wrapped(ramp())) % 360, "radian", "degree"),
        (np.degrees(wrapped(ramp())), "cycle", "degree"),
        (wrapped(ramp()), "cycle", "radian"),
        (wrapped(ramp()), "radian", ""),
        (ramp(), "radian", ""),
        (ramp(), "cycle", ""),
        (np.degrees(wrapped(ramp())), "degree", ""),
        (wrapped(ramp()), "degree", ""),
    ],
)
def test_values_that_look_unlike_their_unit_are_warned_of(
    values: NDArray[np.float64], stated: str, looks: str, tmp_path: Path, messages: Messages
) -> None:
    found = read(write(tmp_path / "ifg.tif", values.astype(np.float32), unit=stated), tmp_path)
    factor = {"radian": 1.0, "degree": np.pi / 180, "cycle": 2 * np.pi}[stated]
    np.testing.assert_allclose(found[0], np.cos(values * factor), atol=1e-3)
    assert messages.codes == (["phase-unit-doubtful"] if looks else [])
    assert all(f"look like {looks}s, and the file states {stated}s" in text for text in messages.warnings)
    assert all(f"read as {stated}s" in text for text in messages.notes)


@pytest.mark.parametrize("low", [-0.3, 0.2, -0.6])
def test_a_short_range_of_radians_is_no_cycle(low: float, tmp_path: Path) -> None:
    values = np.tile(np.linspace(low, low + 0.7, SIDE), (SIDE, 1)).astype(np.float32)
    found = read(write(tmp_path / "ifg.tif", values), tmp_path)
    np.testing.assert_allclose(found[0], np.cos(values), atol=1e-6)


def test_a_layer_in_metres_is_no_phase(tmp_path: Path) -> None:
    path = write(tmp_path / "ifg.tif", ramp().astype(np.float32), unit="metre")
    with pytest.raises(SceneError, match="its unit is 'metre', and a phase is in radian, degree or cycle"):
        open_phase(path, "phase", tmp_path)


@pytest.mark.parametrize("step", [20.0, 10.0 / 3, 14.0])
def test_the_wrap_is_no_edge_on_another_grid(step: float, tmp_path: Path) -> None:
    """A phase about ±π: the mean of its angles would be 0; that of its vectors is π."""
    rng = np.random.default_rng(0)
    noisy = wrapped(np.pi + rng.normal(0, 0.2, (SIDE, SIDE))).astype(np.float32)
    assert (noisy > 3).any()
    assert (noisy < -3).any()
    side = int(SIDE * 10 / step)
    with rasterio.open(write(tmp_path / "grid.tif", np.zeros((side, side), np.uint8), step)) as file:
        grid = Grid(crs=None, transform=file.transform, height=side, width=side)
    grid = Grid(crs=_crs(), transform=grid.transform, height=side, width=side)
    cosine, sine = read(write(tmp_path / "ifg.tif", noisy), tmp_path, grid=grid)
    inner = slice(1, -1)
    assert (cosine[inner, inner] < -0.6).all()
    assert (np.abs(sine[inner, inner]) < 0.9).all()


def _crs() -> Any:
    from pyproj import CRS  # noqa: PLC0415

    return CRS.from_epsg(32633)


def test_what_was_not_observed_stays_so(tmp_path: Path) -> None:
    phase = ramp().astype(np.float32)
    phase[:4], phase[4:8] = 0, np.nan
    assert np.isnan(read(write(tmp_path / "a.tif", phase, nodata=0), tmp_path)[:, :8]).all()
    whole = np.exp(1j * ramp()).astype(np.complex64)
    whole[:4], whole[4:8] = 0, np.nan
    found = read(write(tmp_path / "b.tif", whole), tmp_path)
    assert np.isnan(found[:, :8]).all()
    assert np.isfinite(found[:, 8:]).all()


@pytest.mark.parametrize(("dtype", "named"), [("uint8", "picture of a phase"), ("int16", "holds int16")])
def test_pictures_of_a_phase_are_refused(dtype: str, named: str, tmp_path: Path) -> None:
    path = write(tmp_path / "ifg.tif", np.zeros((SIDE, SIDE), dtype))
    with pytest.raises(SceneError, match=named):
        open_phase(path, "phase", tmp_path)


def test_a_phase_without_a_crs_or_a_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "ifg.tif", ramp().astype(np.float32), crs=None)
    with pytest.raises(SceneError, match="has no CRS"):
        open_phase(path, "phase", tmp_path)
    for name in ("phase", "height"):
        with pytest.raises(SceneReadError, match="missing"), ExitStack() as stack:
            open_layers({name: str(tmp_path / "missing.tif")}, (), (), stack)


def test_layers_are_opened_by_name(tmp_path: Path) -> None:
    plain = write(tmp_path / "coh.tif", np.full((SIDE, SIDE), 0.5, np.float32))
    whole = write(tmp_path / "ifg.tif", np.exp(1j * ramp()).astype(np.complex64))
    assert is_phase(plain, "phase")
    assert is_phase(plain, "topographic_phase")
    assert not is_phase(plain, "coherence")
    assert is_phase(whole, "pair")
    with ExitStack() as stack:
        named = {"coherence": str(plain), "pair": str(whole), "after:phase": str(whole)}
        found = open_layers(named, (), ("after",), stack)
        assert set(found) == {"coherence", "pair_cos", "pair_sin", "after:phase_cos", "after:phase_sin"}
        assert found.keys() <= layer_bands(named)
        with pytest.raises(UsageError, match="or after:NAME for another date"):
            open_layers({"later:height": str(plain)}, (), ("after",), stack)


def test_a_layer_of_another_place_is_named(tmp_path: Path) -> None:
    here = write(tmp_path / "here.tif", np.full((SIDE, SIDE), 0.5, np.float32))
    far = write(tmp_path / "far.tif", np.full((SIDE, SIDE), 0.5, np.float32), crs="EPSG:32634")
    with ExitStack() as stack:
        layers = open_layers({"coherence": str(far)}, (), (), stack)
        scene = open_layers({"height": str(here)}, (), (), stack)["height"]
        with pytest.raises(SceneError, match=r"`--layer coherence` and .* cover no common ground"):
            as_stack_layers(layers, scene)
        assert len(as_stack_layers({"height": scene}, scene)) == 1


def test_the_shape_of_heights_is_computed_where_it_is_wanted(tmp_path: Path) -> None:
    rows = np.tile(10.0 * np.arange(SIDE, dtype=np.float32)[:, None], (1, SIDE))
    named = {"dem": str(write(tmp_path / "dem.tif", rows))}
    with ExitStack() as stack:
        assert set(open_layers(named, (), (), stack)) == {"dem"}
        found = open_layers(named, ("slope",), (), stack)
        layer = found["slope"]
        values = layer.read(layer.grid.window, ("slope",)).physical()
        np.testing.assert_allclose(values[0, 1:-1, 1:-1], 45, atol=0.05)
    assert {"dem", "slope", "after:tri"} <= layer_bands(("dem", "after:dem"))


@pytest.mark.parametrize("shift", [0.0, 180.0])
def test_degrees_without_a_unit_are_refused(shift: float, tmp_path: Path) -> None:
    values = (np.degrees(wrapped(np.tile(np.linspace(-7, 9, 400), (SIDE, 1)))) + shift).astype(np.float32)
    with pytest.raises(SceneError, match="look like degrees"):
        open_phase(write(tmp_path / "p.tif", values), "phase", tmp_path)
    stated = write(tmp_path / "stated.tif", values, unit="degree")
    (folder := tmp_path / "a").mkdir()
    expected = np.cos(np.radians(values))
    np.testing.assert_allclose(read(stated, folder)[0], expected, atol=1e-5)


def test_one_band_is_a_phase(tmp_path: Path) -> None:
    values = np.stack([np.abs(ramp()), wrapped(ramp())]).astype(np.float32)
    with rasterio.open(
        tmp_path / "two.tif", "w", driver="GTiff", count=2, dtype="float32", crs="EPSG:32633", width=SIDE,
        height=SIDE, transform=Affine(10, 0, 500_000, 0, -10, 4_600_000),
    ) as file:  # fmt: skip
        file.write(values)
    with pytest.raises(SceneError, match="has 2 bands, and a phase is one"):
        open_phase(tmp_path / "two.tif", "phase", tmp_path)


def test_complex_integers_are_an_interferogram(tmp_path: Path) -> None:
    vectors = (1000 * np.exp(1j * ramp())).astype(np.complex64)
    path = write(tmp_path / "i.tif", vectors, dtype="complex_int16")
    assert is_phase(path, "ifg")
    np.testing.assert_allclose(read(path, tmp_path, "ifg")[0], np.cos(ramp()), atol=2e-3)
