"""Columns of cubes as files: plumes found where they lie, backgrounds of groups, what is refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from geoseg.errors import SceneError
from geoseg.methods.gas_absorption import methane
from geoseg.methods.matched_filter import mag1c, matched_filter
from geoseg.methods.unit_absorption import unit_absorption
from geoseg.scenes import open_scene
from geoseg.spec import PlumeSpec, SatelliteSpec, SceneSpec
from geoseg.spec.presets import sensors
from geoseg.tasks.methane import cube_reading
from geoseg.tasks.methane import scratch_store as store_module
from geoseg.tasks.methane.cube import retrieve_cube
from geoseg.tasks.methane.retrieval import CH4, SIGNAL, Retrieval
from geoseg.tasks.methane.view_angles import Angles
from tests.messages import Messages, progress
from tests.spectrometer import (
    CENTRES,
    EAST,
    NORTH,
    PPM_M,
    STEP,
    WIDTHS,
    WINDOW,
    disc,
    share_of,
    simulate,
    to_ground,
    write_envi,
    write_granule,
    write_tiff,
)

EMIT = SatelliteSpec(
    name="emit", title="EMIT", kind="spectrometer", wind_slope=0.34, wind_offset=0.44, wind_citation="none"
)
FIRST = len(CENTRES) - len(WINDOW)
Columns = NDArray[np.float32]


@contextmanager
def retrieved(path: Path, angles: Angles | None = None, **options: object) -> Iterator[Retrieval]:
    """Retrieve a file's columns."""
    run = {"output": path.with_suffix(".gpkg"), "bbox": options.pop("bbox", None)}
    spec = PlumeSpec.model_validate({"scene": {"paths": (str(path),)}, "run": run, **options})
    with (
        TemporaryDirectory(dir=path.parent) as folder,
        open_scene(SceneSpec(paths=(str(path),)), sensors()) as scene,
        ExitStack() as stack,
    ):
        yield retrieve_cube(scene, spec, EMIT, Path(folder), stack, progress, angles)


def columns(found: Retrieval) -> Columns:
    """All columns, NaN where not valid."""
    pixels = found.source.read(found.source.grid.window, (CH4,))
    return np.asarray(pixels.physical()[0])


@pytest.mark.parametrize("share", [0.002, 0.01, 0.05])
@pytest.mark.parametrize("kind", ["envi", "tiff"])
def test_golden_values_through_files(tmp_path: Path, share: float, kind: str) -> None:
    made = simulate(100, 200, share_of(100, 200, share))
    path = (write_envi if kind == "envi" else write_tiff)(tmp_path / f"cube.{kind}", made)
    with retrieved(path, method="matched-filter", column_group=0) as found:
        classical = columns(found)
    assert classical[made.plume].mean() - classical[~made.plume].mean() == pytest.approx(PPM_M, rel=0.05)
    with retrieved(path, column_group=0) as found:
        sparse = columns(found)
        assert found.method.startswith("mag1c")
    plume = sparse[made.plume]
    luck = 2 * plume.std() / np.sqrt(plume.size)  # 40 pixels are few
    assert plume.mean() == pytest.approx(PPM_M, abs=0.02 * PPM_M + luck)
    assert sparse[~made.plume].mean() < 15


def test_files_and_arrays_agree(tmp_path: Path) -> None:
    made = simulate(60, 50, disc(60, 50, 30, 20, 4))
    pixels = made.data[..., FIRST:].reshape(-1, len(WINDOW)).astype(np.float64)
    absorption = unit_absorption(methane(), WINDOW, WIDTHS[FIRST:])
    path = write_tiff(tmp_path / "cube.tif", made)
    for method, on_array in (("mag1c", mag1c), ("matched-filter", matched_filter)):
        with retrieved(path, method=method) as found:
            np.testing.assert_allclose(
                columns(found).ravel(), on_array(pixels, absorption), rtol=1e-5, atol=1e-2
            )


@pytest.mark.parametrize(("chunk", "stretch"), [(7, 1), (1000, 200_000), (100_000, 10**9)])
def test_how_a_cube_is_cut_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, stretch: int
) -> None:
    made = simulate(70, 90, disc(70, 90, 30, 40, 6))
    made.data[5:9, 60:] = np.nan
    path = write_tiff(tmp_path / "cube.tif", made)
    results = []
    for held in (0, 10**9):
        monkeypatch.setattr(store_module, "MEMORY_BYTES", held)
        monkeypatch.setattr(store_module, "CHUNK", chunk)
        monkeypatch.setattr(cube_reading, "READ_BYTES", stretch)
        with retrieved(path, column_group=45) as found:
            results.append(columns(found))
        monkeypatch.undo()
    with retrieved(path, column_group=45) as found:
        expected = columns(found)
    assert np.isnan(expected[5:9, 60:]).all()
    for result in results:
        np.testing.assert_allclose(result, expected, rtol=1e-6, atol=1e-4)


def test_a_granules_plume_lies_where_it_is_on_the_ground(tmp_path: Path, messages: Messages) -> None:
    made = simulate(160, 110, disc(160, 110, 50.5, 30.5, 7))
    path = write_granule(tmp_path / "granule.nc", made)
    with retrieved(path) as found:
        ground = columns(found)
        grid = found.source.grid
        assert grid.crs is not None
        assert grid.crs.to_epsg() == 4326
        assert found.screening_bands == ("water", "cloud", "albedo")
        common = ("red", "green", "blue", "nir", "swir16", "swir22")
        assert found.source.band_names == (CH4, SIGNAL, *found.screening_bands, *common)
        assert "6 groups of columns" in found.method
        rows, cols = np.nonzero(ground > PPM_M / 2)
        lon, lat = EAST + (cols + 0.5) * STEP, NORTH - (rows + 0.5) * STEP
        at_lon, at_lat = to_ground(51, 31, made)
        away = np.hypot(lon - at_lon, lat - at_lat) / STEP
        assert (away < 8.5).mean() > 0.99
        assert len(away) == pytest.approx(made.plume.sum(), rel=0.1)
        assert lon.mean() == pytest.approx(at_lon, abs=STEP)
        assert lat.mean() == pytest.approx(at_lat, abs=STEP)
        centre = ground[int((NORTH - at_lat) / STEP), int((at_lon - EAST) / STEP)]
        assert centre == pytest.approx(PPM_M, rel=0.25)
        beside = found.source.read(grid.window, common)
        assert beside.valid.sum() == np.isfinite(ground).sum()
        with open_scene(SceneSpec(paths=(str(path),)), sensors()) as scene:
            same = scene.read(grid.window, common)
        np.testing.assert_allclose(beside.physical(), same.physical(), rtol=1e-6)
        with found.reopen() as once_more:
            np.testing.assert_array_equal(once_more.read(grid.window, (CH4,)).physical()[0], ground)
        assert found.satellite is EMIT
        assert found.scene.time is not None


def test_without_a_plume_little_is_found(tmp_path: Path) -> None:
    path = write_granule(tmp_path / "granule.nc", simulate(160, 110))
    with retrieved(path) as found:
        ground = columns(found)
    seen = np.isfinite(ground)
    assert (ground[seen] > 0).mean() < 0.05
    assert (ground[seen] > 500).sum() == 0
    with retrieved(path, method="matched-filter") as found:
        assert np.nanstd(columns(found)) < 200


def test_groups_of_columns_take_stripes_away(tmp_path: Path, messages: Messages) -> None:
    rng = np.random.default_rng(5)
    made = simulate(600, 150, disc(600, 150, 300, 75, 9))
    gain = 1 + 0.02 * rng.normal(size=(150, len(CENTRES)))
    made.data[:] = made.data * gain + 0.05 * rng.normal(size=gain.shape)
    path = write_envi(tmp_path / "cube.img", made)
    noise, wrong = {}, {}
    for group in (0, 1):
        messages.clear()
        with retrieved(path, method="matched-filter", column_group=group) as found:
            values = columns(found)
        noise[group] = float(values[~made.plume].std())
        wrong[group] = abs(float(values[made.plume].mean()) - PPM_M)
        assert any("stripes" in note for note in messages.notes) == (group == 0)
    assert noise[1] < 0.5 * noise[0]
    assert wrong[1] < 0.15 * PPM_M


def test_columns_are_grouped_where_they_are_detectors(tmp_path: Path) -> None:
    made = simulate(490, 60)
    with retrieved(write_envi(tmp_path / "cube.img", made)) as found:
        assert "12 groups of columns" in found.method
    with retrieved(write_tiff(tmp_path / "cube.tif", made)) as found:
        assert "one background" in found.method
    with retrieved(write_tiff(tmp_path / "two.tif", made), column_group=25) as found:
        assert "2 groups of columns" in found.method


def test_pixels_that_were_not_seen_well_have_no_columns(tmp_path: Path) -> None:
    made = simulate(60, 50)
    made.data[:] *= 100
    made.data[3, 4, -1] = 65535
    made.data[8, 9, :] = 0
    made.data[10, 11, 0] = 65535
    with retrieved(write_tiff(tmp_path / "cube.tif", made, dtype="uint16")) as found:
        seen = np.isfinite(columns(found))
    assert not seen[3, 4]
    assert not seen[8, 9]
    assert seen.sum() == 60 * 50 - 2


def test_groups_with_too_few_pixels_are_left_out_and_counted(tmp_path: Path, messages: Messages) -> None:
    made = simulate(120, 40)
    made.data[:, 20:30] = np.nan
    made.data[:5, 20:30] = 1
    with retrieved(write_envi(tmp_path / "cube.img", made), column_group=10) as found:
        seen = np.isfinite(columns(found))
    assert not seen[:, 20:30].any()
    assert seen[:, :20].all()
    assert any("1 of 4 groups" in text for text in messages.warnings)
    with (
        pytest.raises(SceneError, match=r"98 valid pixels.*`--column-group 0`"),
        retrieved(write_envi(tmp_path / "few.img", simulate(60, 40)), column_group=1),
    ):
        pass


def test_narrow_groups_are_warned_of(tmp_path: Path, messages: Messages) -> None:
    with retrieved(write_envi(tmp_path / "cube.img", simulate(120, 20)), column_group=2):
        pass
    assert any("240 pixels for 49 bands" in text for text in messages.warnings)


def test_the_area_clips_the_map_but_not_the_background(tmp_path: Path) -> None:
    made = simulate(60, 50, disc(60, 50, 30, 20, 4))
    path = write_tiff(tmp_path / "cube.tif", made)
    with retrieved(path) as found:
        whole, grid = columns(found), found.source.grid
    lon, lat = grid.lonlat(np.array([20.0, 40.0]), np.array([10.0, 30.0]))
    with retrieved(path, bbox=(lon[0], lat[1], lon[1], lat[0])) as found:
        part, clipped = columns(found), found.source.grid
    row = round((grid.transform.f - clipped.transform.f) / 30)
    col = round((clipped.transform.c - grid.transform.c) / 30)
    assert part.size < whole.size / 4
    np.testing.assert_array_equal(part, whole[row : row + part.shape[0], col : col + part.shape[1]])


def test_scenes_that_are_no_radiance_cube_are_refused(tmp_path: Path) -> None:
    made = simulate(30, 30)
    with (
        pytest.raises(SceneError, match=r"reflectance.*level 1"),
        retrieved(write_tiff(tmp_path / "rfl.tif", made)),
    ):
        pass
    path = write_tiff(tmp_path / "short.tif", made)
    with rasterio.open(path, "r+") as file:
        for index in range(1, file.count + 1):
            file.update_tags(index, wavelength=f"{400 + 10 * index}", wavelength_units="nm")
    with (
        pytest.raises(SceneError, match="with 0 bands between 2122 and 2488 nm"),
        retrieved(path),
    ):
        pass
    six = tmp_path / "six.tif"
    with rasterio.open(
        six, "w", driver="GTiff", width=9, height=9, count=2, dtype="float32", crs="EPSG:32640",
        transform=rasterio.Affine(20, 0, 0, 0, -20, 0),
    ) as file:  # fmt: skip
        file.write(np.ones((2, 9, 9), np.float32))
        file.descriptions = ("swir16", "swir22")
    with (
        pytest.raises(SceneError, match=r"not those of an imaging spectrometer.*`--method mbsp`"),
        retrieved(six),
    ):
        pass
    good = write_tiff(tmp_path / "good.tif", made)
    with pytest.raises(SceneError, match=r"multispectral scenes.*mag1c"), retrieved(good, method="mbsp"):
        pass


SUN = Angles(sun_zenith=40, view_zenith=0, source="a test")


def test_water_and_cloud_are_told_by_the_suns_light(tmp_path: Path) -> None:
    made = simulate(60, 50)
    made.data[:] *= 1.5
    made.data[:, :10] *= 0.02
    made.data[:, 40:, :6] *= 3.5
    path = write_tiff(tmp_path / "cube.tif", made)
    with retrieved(path, angles=SUN) as found:
        pixels = found.source.read(found.source.grid.window, ("water", "cloud", "albedo"))
    water, cloud, albedo = pixels.data
    assert pixels.valid.all()
    assert (water[:, :10] == 1).all()
    assert (water[:, 10:] == 0).all()
    assert (cloud[:, 40:] == 1).mean() > 0.9
    assert (cloud[:, :40] == 0).all()
    band = made.data[..., int(np.argmin(np.abs(CENTRES - 1610)))]
    np.testing.assert_allclose(albedo, np.pi * band / (246.0 * np.cos(np.radians(40))), rtol=0.03)


def test_without_sun_or_scale_there_is_no_water_or_cloud_but_columns(
    tmp_path: Path, messages: Messages
) -> None:
    made = simulate(60, 50)
    for units, angles, said in (
        ("counts", SUN, "unit of its radiance"),
        ("W/m2/sr/um", None, "solar zenith angle"),
    ):
        messages.clear()
        path = write_tiff(tmp_path / f"{len(units)}.tif", made, units=units)
        with retrieved(path, angles) as found:
            pixels = found.source.read(found.source.grid.window, (CH4, "water", "cloud", "albedo"))
        assert pixels.valid.all()
        assert np.isnan(pixels.data[1:3]).all()
        assert np.isfinite(pixels.data[3]).all()
        assert any(said in text for text in messages.warnings)


def test_columns_count_for_the_light_path(tmp_path: Path) -> None:
    made = simulate(60, 50, disc(60, 50, 30, 20, 4))
    path = write_tiff(tmp_path / "cube.tif", made)
    means = []
    for angles in (None, Angles(sun_zenith=60, view_zenith=0, source="a test")):
        with retrieved(path, angles=angles) as found:
            means.append(columns(found)[made.plume].mean())
    assert means[1] == pytest.approx(means[0] / 1.5, rel=0.01)


def test_plumes_are_searched_in_a_signal_of_either_sign(tmp_path: Path) -> None:
    made = simulate(100, 200, disc(100, 200, 50, 100, 6))
    path = write_tiff(tmp_path / "cube.tif", made)
    for method in ("mag1c", "matched-filter"):
        with retrieved(path, method=method) as found:
            ch4, signal = found.source.read(found.source.grid.window, (CH4, found.search_band)).physical()
        if method == "matched-filter":
            np.testing.assert_array_equal(ch4, signal)
            continue
        ground = signal[~made.plume]
        assert (ch4[~made.plume] == 0).mean() > 0.9
        assert abs(np.median(ground)) < 5
        assert (ground < 0).mean() == pytest.approx(0.5, abs=0.02)
        assert signal[made.plume].mean() == pytest.approx(PPM_M, rel=0.02)


def test_widths_that_the_file_does_not_say_are_taken_from_the_spacing(
    tmp_path: Path, messages: Messages
) -> None:
    made = simulate(60, 50, disc(60, 50, 30, 20, 4))
    with retrieved(write_envi(tmp_path / "cube.img", made, fwhm=False), column_group=0) as found:
        values = columns(found)
    assert any("49 bands without width" in note and "7.5 nm" in note for note in messages.notes)
    assert values[made.plume].mean() == pytest.approx(PPM_M, rel=0.05)


PEAK = """
import sys
from pathlib import Path
sys.path.insert(0, {bench!r})
from spectrometer import retrieve_columns
print(retrieve_columns(Path({path!r}), {group}, "mag1c")["peak_mib"])
"""


@pytest.mark.slow
@pytest.mark.parametrize("group", [None, 0])
def test_memory_does_not_grow_with_the_rows(tmp_path: Path, group: int | None) -> None:
    root = Path(__file__).parents[3]
    peaks = []
    for rows in (600, 1200):
        make = (
            f"import sys; sys.path.insert(0, {str(root / 'bench')!r})\n"
            "from pathlib import Path\nfrom spectrometer import make_cube\n"
            f"make_cube(Path({str(tmp_path / 'cube.img')!r}), {rows}, 640, 'bil')"
        )
        subprocess.run([sys.executable, "-c", make], check=True)
        code = PEAK.format(bench=str(root / "bench"), path=str(tmp_path / "cube.img"), group=group)
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        peaks.append(int(done.stdout))
    assert peaks[1] < 800
    assert peaks[1] < 1.1 * peaks[0]
