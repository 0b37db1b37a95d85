"""Published layouts: a tiny tree of each is found and read, with its codes, nodata, bands and split."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from PIL import Image
from pydantic import ValidationError

from geoseg.errors import BandError, SceneError, SceneReadError, UsageError
from geoseg.learn.samples import IGNORE, Chip, DataSpec, find_samples, read_chip, sample_windows, split
from geoseg.learn.samples.chips import check_classes
from geoseg.learn.samples.data_layouts import data_layout
from geoseg.learn.train.training_spec import TrainSpec

SIDE = 16
S2 = ("coastal", "blue", "green", "red", "rededge071", "rededge075", "rededge078", "nir", "nir08", "nir09",
      "cirrus", "swir16", "swir22")  # fmt: skip
S2_FILES = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
Write = Callable[[Path], None]


def raster(path: Path, bands: np.ndarray, size: float = 10.0, crs: str = "EPSG:32633") -> None:
    """Write bands (B, H, W) as a file whose upper left corner is that of all others; PNG has no place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        Image.fromarray(bands[0]).save(path)
        return
    where = Affine(size, 0, 500000, 0, -size, 4600000)
    count, height, width = bands.shape
    with rasterio.open(
        path, "w", driver="GTiff", width=width, height=height, count=count, dtype=bands.dtype, crs=crs,
        transform=where,
    ) as file:  # fmt: skip
        file.write(bands)


def planes(*values: float, dtype: str = "uint16", side: int = SIDE) -> np.ndarray:
    """Return a plane of each value."""
    return np.stack([np.full((side, side), value, dtype) for value in values])


def label(*codes: int, dtype: str = "uint8", side: int = SIDE, extra: int = 0) -> np.ndarray:
    """Return a plane whose rows begin with some codes and end with the last; `extra` rows follow."""
    rows = [*codes, *[codes[-1]] * (side - len(codes) + extra)]
    return np.array(rows, dtype)[:, None].repeat(side, 1)[None]


def sen1floods11(root: Path) -> None:
    data, lists = root / "data" / "flood_events" / "HandLabeled", root / "splits" / "flood_handlabeled"
    lists.mkdir(parents=True)
    chips = {"train": "Ghana_103272", "valid": "Sri-Lanka_9", "test": "USA_103272", "bolivia": "Bolivia_5"}
    for part, name in chips.items():
        sar = planes(-12, -20, dtype="float32")
        sar[:, -1] = np.nan
        raster(data / "S1Hand" / f"{name}_S1Hand.tif", sar)
        raster(data / "S2Hand" / f"{name}_S2Hand.tif", planes(*(100 * (index + 1) for index in range(13))))
        raster(data / "LabelHand" / f"{name}_LabelHand.tif", label(-1, 1, 0, dtype="int16"))
        rows = f"{name}_S1Hand.tif,{name}_LabelHand.tif\n"
        (lists / f"flood_{part}_data.csv").write_text(rows)


def floodplanet(root: Path) -> None:
    for region in ("BGD", "USA"):
        sar = planes(-12, -20, dtype="float32")
        sar[:, -1] = 0
        sar[0, -2] = 0  # 0 dB in one band is a value
        name = f"{region}_1_2.tif"
        raster(root / region / "S1" / name, sar)
        raster(root / region / "S2" / name, planes(*(100 * (index + 1) for index in range(10))))
        raster(root / region / "PS" / name, planes(10, 20, 30, 40))
        # Labels are finer, on a grid of their own.
        fine = label(0, 2, 1).repeat(2, 1).repeat(2, 2)
        raster(root / region / "labels" / name, fine, size=5)


def worldfloods(root: Path, version: int) -> None:
    for part in ("train", "val", "test"):
        raster(root / part / "S2" / f"{part}_EMSR.tif", planes(*(100 * (index + 1) for index in range(13))))
        codes = label(0, 2, 1)
        truth = codes if version == 1 else np.concatenate([label(0, 1, 2), codes])
        if version == 1:
            truth[0, -1] = 3
        raster(root / part / "gt" / f"{part}_EMSR.tif", truth)


def kuro_siwo(root: Path) -> None:
    for activation in ("1111002", "1111004"):
        patch = root / "data" / activation / "01" / f"abc{activation}"
        for number, date in enumerate(("MS1", "SL1", "SL2"), start=1):
            for band, value in (("IVV", 0.1), ("IVH", 0.01)):
                name = f"{date}_{band}_abc_{number}.tif"
                raster(patch / name, planes(value / number, dtype="float32"), crs="EPSG:3857")
        raster(patch / "MK0_MLU_abc.tif", label(3, 1, 2, 0), crs="EPSG:3857")
        raster(patch / "MK0_MNA_abc.tif", label(0, 1), crs="EPSG:3857")
        raster(patch / "MK0_DEM_abc.tif", planes(7, dtype="float32"), crs="EPSG:3857")


def burn_scars(root: Path) -> None:
    for part, tile in (("training", "T10SDH.2020248"), ("validation", "T10SEH.2018190")):
        stem = f"subsetted_512x512_HLS.S30.{tile}.v1.4"
        bands = planes(*(0.01 * (index + 1) for index in range(6)), dtype="float32")
        raster(root / part / f"{stem}_merged.tif", bands)
        raster(root / part / f"{stem}.mask.tif", label(-1, 1, 0, dtype="int16"))


def oscd(root: Path) -> None:
    stem = "Onera Satellite Change Detection dataset - "
    for part, city in (("Train", "paris"), ("Test", "lasvegas")):
        for date, factor in ((1, 100), (2, 200)):
            for index, name in enumerate(S2_FILES):
                path = root / f"{stem}Images" / city / f"imgs_{date}_rect" / f"S2A_{city}_{name}.tif"
                raster(path, planes(factor * (index + 1)))
        raster(root / f"{stem}{part} Labels" / city / "cm" / "cm.png", label(0, 255, 0))


def bigearthnet(root: Path) -> None:
    tile = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"
    patch = f"{tile}_26_57"
    sizes = {
        60: ("B01", "B09"),
        20: ("B05", "B06", "B07", "B8A", "B11", "B12"),
        10: ("B02", "B03", "B04", "B08"),
    }
    for size, names in sizes.items():
        for name in names:
            value = 100 * (S2_FILES.index(name) + 1)
            path = root / "BigEarthNet-S2" / tile / patch / f"{patch}_{name}.tif"
            raster(path, planes(value, side=120 * 10 // size), size=size)
    codes = label(999, 523, 111, dtype="uint16", side=120)
    raster(root / "Reference_Maps" / tile / patch / f"{patch}_reference_map.tif", codes)


def chips_of(layout: str, root: Path, bands: tuple[str, ...]) -> dict[str, Chip]:
    """Read every sample of a layout by its id."""
    data = DataSpec.model_validate({"layout": layout, "root": str(root)})
    return {
        place.sample.id: read_chip(place, data, bands) for place in sample_windows(find_samples(data), data)
    }


def rows_of(chip: Chip) -> list[int]:
    """Classes of the first three rows and of the last."""
    return [int(chip.label[row, 3]) for row in (0, 1, 2, -1)]


OPTICAL = [0.01 * (index + 1) for index in range(13)]
TREES: dict[str, tuple[Write, tuple[str, ...], list[float], list[int], int]] = {
    # Bands, their values, classes of rows 0, 1, 2 and of the last, and the number of samples.
    "sen1floods11-s1": (sen1floods11, ("vv", "vh"), [-12, -20], [IGNORE, 1, 0, IGNORE], 4),
    "sen1floods11-s2": (sen1floods11, S2, OPTICAL, [IGNORE, 1, 0, 0], 4),
    "floodplanet-s1": (floodplanet, ("vv", "vh"), [-12, -20], [IGNORE, 1, 0, IGNORE], 2),
    "floodplanet-s2": (floodplanet, ("blue", "nir"), [0.02, 0.08], [IGNORE, 1, 0, 0], 2),
    "floodplanet-ps": (floodplanet, ("blue", "nir"), [10, 40], [IGNORE, 1, 0, 0], 2),
    "worldfloods-v1": (lambda root: worldfloods(root, 1), S2, OPTICAL, [IGNORE, 1, 0, IGNORE], 3),
    "worldfloods-v2": (lambda root: worldfloods(root, 2), S2, OPTICAL, [IGNORE, 1, 0, 0], 3),
    "kuro-siwo": (
        kuro_siwo, ("vv", "vh", "before:vv", "earlier:vh"), [-10, -20, -13.0103, -24.7712],
        [IGNORE, 1, 2, 0], 2,
    ),
    "burn-scars": (burn_scars, ("blue", "nir08", "swir22"), [0.01, 0.04, 0.06], [IGNORE, 1, 0, 0], 2),
    "oscd": (oscd, ("blue", "nir08", "after:swir22"), [0.02, 0.09, 0.26], [0, 1, 0, 0], 2),
    "bigearthnet-v2-s2": (
        bigearthnet, ("coastal", "blue", "nir08"), [0.01, 0.02, 0.09], [IGNORE, 18, 0, 0], 1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("layout", sorted(TREES))
def test_a_tree_of_the_layout_is_read(tmp_path: Path, layout: str) -> None:
    write, bands, values, rows, count = TREES[layout]
    write(tmp_path)
    chips = chips_of(layout, tmp_path, bands)
    assert len(chips) == count
    for chip in chips.values():
        np.testing.assert_allclose(chip.pixels[:, 1, 3], values, rtol=1e-4)
        assert rows_of(chip) == rows


def test_every_layout_has_a_tree() -> None:
    shipped = {
        item.name.removesuffix(".yaml") for item in files("geoseg.configs").joinpath("layouts").iterdir()
    }
    assert shipped == set(TREES)
    assert all(data_layout(name).licence and data_layout(name).source for name in shipped)


def config(layout: str, root: Path, **more: object) -> TrainSpec:
    classes = [{"value": value, "label": f"class {value}", "colour": "#0000ff"} for value in range(2)]
    data = {"layout": layout, "root": str(root)}
    table = {
        "name": "made",
        "data": data,
        "units": "db",
        "bands": [{"name": "vv"}],
        "classes": classes,
        **more,
    }
    return TrainSpec.model_validate(table)


def roles_of(spec: TrainSpec) -> dict[str, set[str]]:
    roles = split(sample_windows(find_samples(spec.data), spec.data), spec.split)
    return {role: {place.sample.id for place in places} for role, places in roles.items()}


def test_the_split_is_that_of_the_publishers(tmp_path: Path) -> None:
    sen1floods11(tmp_path)
    # Bolivia is in no list, and chips of two events may have one number.
    assert roles_of(config("sen1floods11-s1", tmp_path)) == {
        "train": {"Ghana/103272"}, "val": {"9"}, "test": {"USA/103272"},
    }  # fmt: skip
    own = config("sen1floods11-s1", tmp_path, split={"kind": "region", "test": ["Bolivia"]})
    assert roles_of(own)["test"] == {"5"}


def test_folders_state_the_part_of_the_split(tmp_path: Path) -> None:
    worldfloods(tmp_path / "floods", 2)
    data = {"layout": "worldfloods-v2", "root": str(tmp_path / "floods")}
    spec = DataSpec.model_validate(data)
    assert {sample.id: sample.split for sample in find_samples(spec)} == {
        "train_EMSR": "train", "val_EMSR": "val", "test_EMSR": "test",
    }  # fmt: skip
    burn_scars(tmp_path / "fires")
    fires = DataSpec.model_validate({"layout": "burn-scars", "root": str(tmp_path / "fires")})
    assert sorted(sample.split for sample in find_samples(fires)) == ["train", "val"]
    oscd(tmp_path / "cities")
    cities = DataSpec.model_validate({"layout": "oscd", "root": str(tmp_path / "cities")})
    assert {sample.id: sample.split for sample in find_samples(cities)} == {
        "paris": "train",
        "lasvegas": "test",
    }


def test_a_config_replaces_keys_of_the_layout(tmp_path: Path) -> None:
    sen1floods11(tmp_path)
    labels = {
        "files": "data/flood_events/HandLabeled/LabelHand/{region}_{id}_LabelHand.tif",
        "ignore": [-1, 1],
    }
    data = DataSpec.model_validate({"layout": "sen1floods11-s1", "root": str(tmp_path), "labels": labels})
    assert data.labels.codes == {}
    assert data.images[0].sar_units == "db"
    # What a training writes down is read as it was.
    assert DataSpec.model_validate(data.model_dump(mode="json")) == data


def test_an_unknown_layout_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="did you mean sen1floods11-s"):
        DataSpec.model_validate({"layout": "sen1floods11", "root": str(tmp_path)})


def test_a_missing_band_file_is_named(tmp_path: Path) -> None:
    kuro_siwo(tmp_path)
    next(tmp_path.rglob("MS1_IVH*")).unlink()
    with pytest.raises(SceneReadError, match=r"no file matches MS1_IVH\*\.tif"):
        chips_of("kuro-siwo", tmp_path, ("vv", "vh"))


LAYOUT = """title: made
licence: none
source: this test
data:
  images: [{files: "img/{id}.tif", bands: {vv: 1}}]
  labels: {files: "lab/{id}.tif", codes: {0: 0, 1: 1}}
split: {kind: runs}
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "codes: {0: 0",
            "codes: {none: 0",
            r"line 6: data.labels.codes.none: 'none' should be a whole number",
        ),
        ("bands: {vv: 1}", "nodat: 1", r"line 5: unknown key 'data.images.0.nodat'; did you mean nodata"),
        ("img/{id}", "img/{name}", r"line 5: data.images.0.files: .*unknown placeholder \{name\}; known are"),
        ("kind: runs", "kind: run", r"line 7: split.kind: 'run' should be .*; did you mean runs"),
        ("data:\n", "data:\n  image: []\n", r"line 5: unknown key 'data.image'; did you mean images"),
        ("1: 1}", "1: 7}", r"labels.codes of layout .*class 7 does not exist"),
    ],
)
def test_errors_in_a_layout_name_its_file_and_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "made.yaml"
    assert old in LAYOUT
    path.write_text(LAYOUT.replace(old, new))
    where = "" if "codes of" in message else "made.yaml, "
    with pytest.raises((UsageError, ValidationError), match=where + message):
        config(str(path), tmp_path)


def test_a_config_may_state_what_its_layout_lacks(tmp_path: Path) -> None:
    path = tmp_path / "made.yaml"
    path.write_text("\n".join(line for line in LAYOUT.splitlines() if "labels" not in line))
    data = {"layout": str(path), "root": str(tmp_path)}
    assert (
        DataSpec.model_validate({**data, "labels": {"files": "own/{id}.tif"}}).labels.files == "own/{id}.tif"
    )
    with pytest.raises(ValidationError, match="labels"):
        DataSpec.model_validate(data)


def test_labels_beyond_the_classes_are_refused(tmp_path: Path) -> None:
    """Without codes, stored values are classes; one that a network lacks is not trained on as another."""
    path = tmp_path / "made.yaml"
    path.write_text(LAYOUT.replace(", codes: {0: 0, 1: 1}", ""))
    raster(tmp_path / "img" / "a.tif", planes(-12, dtype="float32"))
    raster(tmp_path / "lab" / "a.tif", label(0, 1, 7))
    spec = config(str(path), tmp_path)
    (place,) = sample_windows(find_samples(spec.data), spec.data)
    chip = read_chip(place, spec.data, ("vv",))
    with pytest.raises(SceneError, match=r"a\.tif: label value 7 is not one of the 2 classes \(0 to 1\)"):
        check_classes(chip, 2)
    check_classes(chip, 8)


def test_a_band_that_a_file_lacks_is_named_as_in_the_config(tmp_path: Path) -> None:
    path = tmp_path / "made.yaml"
    path.write_text(LAYOUT.replace("vv: 1", "vv: 4"))
    raster(tmp_path / "img" / "a.tif", planes(-12, dtype="float32"))
    raster(tmp_path / "lab" / "a.tif", label(0, 1))
    spec = config(str(path), tmp_path)
    with pytest.raises((BandError, SceneError), match=r"data.images: bands: vv=.*a\.tif:4: the file has 1"):
        sample_windows(find_samples(spec.data), spec.data)
