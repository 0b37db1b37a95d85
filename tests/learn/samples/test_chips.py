"""Labels lie where the image's pixels are, whatever grid they came on."""

from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
from affine import Affine
from shapely import box

from geoseg.errors import SceneError, SceneReadError
from geoseg.learn.samples import IGNORE, DataSpec, find_samples, read_chip, sample_windows
from tests.simulated import EAST, NORTH, SIDE, disc


def test_a_label_on_another_grid_is_warped_not_resized(labelled: DataSpec) -> None:
    place = sample_windows(find_samples(labelled), labelled)[2]
    chip = read_chip(place, labelled, ("green", "swir16"))
    expected = disc(SIDE, 30 + 4 * 2, 48, 14 + 2).astype(np.uint8)
    expected[-2:] = IGNORE
    np.testing.assert_array_equal(chip.label, expected)
    assert chip.pixels.shape == (2, SIDE, SIDE)
    assert chip.pixels[1][expected == 1].mean() < 0.05 < chip.pixels[1][expected == 0].mean()


def test_bands_come_in_the_order_asked_for(labelled: DataSpec) -> None:
    place = sample_windows(find_samples(labelled), labelled)[0]
    one = read_chip(place, labelled, ("green", "swir16")).pixels
    other = read_chip(place, labelled, ("swir16", "green")).pixels
    np.testing.assert_array_equal(one, other[::-1])


def test_unobserved_pixels_have_no_label(labelled: DataSpec) -> None:
    path = labelled.root / "west" / "image" / "chip_0.tif"
    with rasterio.open(path, "r+") as file:
        values = file.read()
        values[:, :5] = -1
        file.write(values)
    images = (labelled.images[0].model_copy(update={"nodata": -1.0}),)
    data = labelled.model_copy(update={"images": images})
    chip = read_chip(sample_windows(find_samples(data), data)[0], data, ("green", "swir16"))
    assert np.isnan(chip.pixels[:, :5]).all()
    assert (chip.label[:5] == IGNORE).all()
    assert (chip.label[5:-2] != IGNORE).all()


def test_a_code_that_nothing_explains_is_refused(labelled: DataSpec) -> None:
    labels = labelled.labels.model_copy(update={"codes": {1: 0}})
    data = labelled.model_copy(update={"labels": labels})
    with pytest.raises(SceneError, match="label value 2 has no class"):
        read_chip(sample_windows(find_samples(data), data)[0], data, ("green",))


@pytest.mark.parametrize(
    ("dtype", "value", "text"),
    [
        ("float32", 0.5, r"label value 0.5 is not a whole number"),
        ("int16", -1, r"label value -1 has no class"),
        ("uint16", 311, r"label value 311 has no class"),
    ],
)
def test_a_value_that_is_no_class_is_refused_without_codes_too(
    labelled: DataSpec, dtype: str, value: float, text: str
) -> None:
    path = labelled.root / "west" / "label" / "chip_0.tif"
    with rasterio.open(path) as file:
        profile, values = file.profile, file.read()
    values = values.astype(dtype)
    values[:, 30:40] = value
    with rasterio.open(path, "w", **{**profile, "dtype": dtype, "nodata": None}) as file:
        file.write(values)
    data = labelled.model_copy(update={"labels": labelled.labels.model_copy(update={"codes": {}})})
    with pytest.raises(SceneError, match=text):
        read_chip(sample_windows(find_samples(data), data)[0], data, ("green",))


@pytest.mark.parametrize(("codes", "used"), [({1: 0, 2: 1}, True), ({}, False)])
def test_the_nodata_value_of_a_label_is_a_class_where_codes_say_so(
    labelled: DataSpec, codes: dict[int, int], used: bool
) -> None:
    labels = labelled.labels.model_copy(update={"codes": codes})
    data = labelled.model_copy(update={"labels": labels})
    place = sample_windows(find_samples(data), data)[0]
    before = read_chip(place, data, ("green",)).label
    with rasterio.open(labelled.root / "west" / "label" / "chip_0.tif", "r+") as file:
        file.nodata = 1
    after = read_chip(place, data, ("green",)).label
    background = before == (0 if codes else 1)
    assert background.any()
    np.testing.assert_array_equal(after, before if used else np.where(background, IGNORE, before))


def test_polygons_are_burnt(labelled: DataSpec, tmp_path: Path) -> None:
    lake = box(EAST + 100, NORTH - 300, EAST + 250, NORTH - 200)
    geopandas.GeoDataFrame(geometry=[lake], crs=32633).to_file(tmp_path / "lake.gpkg")
    data = labelled.model_copy(
        update={
            "only": ("chip_0",),
            "labels": labelled.labels.model_copy(update={"files": "../lake.gpkg"}),
        }
    )
    (data.root / "lake.gpkg").write_bytes((tmp_path / "lake.gpkg").read_bytes())
    data = data.model_copy(update={"labels": data.labels.model_copy(update={"files": "lake.gpkg"})})
    chip = read_chip(sample_windows(find_samples(data), data)[0], data, ("green",))
    expected = np.zeros((SIDE, SIDE), np.uint8)
    expected[20:30, 10:25] = 1
    np.testing.assert_array_equal(chip.label, expected)


def test_a_large_image_is_cut_into_windows(labelled: DataSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geoseg.learn.samples.chips.WINDOW_SIDE", 40)
    data = labelled.model_copy(update={"only": ("chip_0",)})
    found = sample_windows(find_samples(data), data)
    assert sum(place.window.height * place.window.width for place in found) == SIDE * SIDE
    assert len(found) == 9
    assert found[0].centre == (EAST + 200, NORTH - 200)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_bare_label_of_another_size_is_refused(labelled: DataSpec) -> None:
    path = labelled.root / "west" / "label" / "chip_0.tif"
    path.unlink()
    with rasterio.open(
        path, "w", driver="GTiff", width=40, height=40, count=1, dtype="uint8",
    ) as file:  # fmt: skip
        file.write(np.ones((1, 40, 40), np.uint8))
    with pytest.raises(SceneError):
        read_chip(sample_windows(find_samples(labelled), labelled)[0], labelled, ("green",))


def test_real_labels_lie_on_their_own_grid(data_dir: Path) -> None:
    """FloodPlanet: 1024² labels over 350² images; the warped label agrees with backscatter."""
    data = DataSpec.model_validate(
        {
            "root": data_dir / "flood-s1",
            "images": [{"files": "{region}/s1/{id}.tif", "nodata": 0}],
            "labels": {"files": "{region}/label/{id}.tif", "codes": {1: 0, 2: 1}, "ignore": [0]},
            "only": ["BGD_53_80"],
        }
    )
    chip = read_chip(sample_windows(find_samples(data), data)[0], data, ("vv", "vh"))
    vh = chip.pixels[1]
    assert np.nanmedian(vh[chip.label == 1]) < np.nanmedian(vh[chip.label == 0]) - 4


def test_a_date_that_is_not_asked_for_is_left_alone(labelled: DataSpec) -> None:
    images = (*labelled.images, labelled.images[0].model_copy(update={"prefix": "before"}))
    data = labelled.model_copy(update={"images": images})
    place = sample_windows(find_samples(data), data)[0]
    both = read_chip(place, data, ("green", "before:swir16"))
    np.testing.assert_array_equal(read_chip(place, data, ("green",)).pixels[0], both.pixels[0])
    assert both.pixels.shape[0] == 2


def test_layers_are_bands_of_a_chip_and_a_map_reads_them_alike(labelled: DataSpec, tmp_path: Path) -> None:
    """Coherence on the grid of the image, and a phase in pixels of 20 m whose mean angle means nothing."""
    for path in sorted(labelled.root.glob("*/image/*.tif")):
        with rasterio.open(path) as file:
            profile = file.profile
        region = path.parent.parent
        half = {"width": SIDE // 2, "height": SIDE // 2}
        coarse = profile["transform"] @ Affine.scale(2)
        about_pi = np.where(np.indices((SIDE // 2, SIDE // 2)).sum(axis=0) % 2, 3.1, -3.1)
        for name, values, change in (
            ("coherence", np.full((SIDE, SIDE), 0.25), {}),
            ("phase", about_pi, {**half, "transform": coarse}),
        ):
            (region / name).mkdir(exist_ok=True)
            with rasterio.open(region / name / path.name, "w", **{**profile, **change, "count": 1}) as file:
                file.write(values.astype(np.float32), 1)
    layers = {name: f"{{region}}/{name}/{{id}}.tif" for name in ("coherence", "phase")}
    data = labelled.model_copy(update={"layers": layers})
    place = sample_windows(find_samples(data), data)[1]
    bands = ("green", "phase_cos", "phase_sin", "coherence")
    chip = read_chip(place, data, bands)
    plain = read_chip(sample_windows(find_samples(labelled), labelled)[1], labelled, ("green",))
    np.testing.assert_array_equal(chip.pixels[0], plain.pixels[0])
    inner = chip.pixels[:, 2:-2, 2:-2]
    assert (inner[1] < -0.99).all()
    assert (inner[3] == 0.25).all()
    (labelled.root / "west" / "phase" / "chip_0.tif").unlink()
    with pytest.raises(SceneError, match="has no layer phase"):
        find_samples(data)


def test_an_image_of_more_windows_than_fit_in_memory(labelled: DataSpec) -> None:
    samples = find_samples(labelled)
    samples[0].images[0].write_text(
        '<VRTDataset rasterXSize="3000000" rasterYSize="3000000"><SRS>EPSG:32633</SRS>'
        "<GeoTransform>500000, 10, 0, 5500000, 0, -10</GeoTransform>"
        '<VRTRasterBand dataType="UInt16" band="1"><Description>green</Description>'
        "</VRTRasterBand></VRTDataset>"
    )
    with pytest.raises(SceneReadError, match="3,000,000 x 3,000,000 pixels"):
        sample_windows(samples, labelled)
