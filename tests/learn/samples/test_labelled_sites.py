"""The table of sites: what it may say, what is refused, and what is read of a site."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pyproj import Transformer

from geoseg.errors import SceneError, SceneReadError
from geoseg.learn.samples.labelled_sites import (
    Site,
    SiteClass,
    SiteImage,
    SitesSpec,
    by_role,
    find_sites,
    read_site,
    site_classes,
)
from tests.classifiers import write_scene

CLASSES = (
    SiteClass(value=1, label="landfills", colour="#33a02c"),
    SiteClass(value=2, label="oil refineries & petroleum terminals", colour="#1f78b4", names=("R&Ts",)),
)
IMAGE = SiteImage(
    name="sentinel-2",
    files="s2/{id}.tif",
    sensor="sentinel-2-l2a-harmonised",
    units="reflectance",
    resolution=10,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "s2").mkdir()
    for name in ("a", "b", "c", "d"):
        write_scene(tmp_path / "s2" / f"{name}.tif", np.full((1, 72, 72), 2000, np.uint16), ["red"])
    return tmp_path


def found(root: Path, text: str, name: str = "sites.csv", **options: object) -> tuple[Site, ...]:
    (root / name).write_text(text, encoding="utf-8")
    data = SitesSpec.model_validate({"root": root, "table": name, **options})
    return find_sites(data, (IMAGE,), CLASSES)


def test_one_column_of_names(root: Path) -> None:
    sites = found(
        root,
        "id,split,labels\na,train,Landfills\nb,validation,R&Ts; landfills\nc,test,negative\nd,train,\n",
    )
    assert site_classes(sites).tolist() == [[True, False], [True, True], [False, False], [False, False]]
    assert [site.role for site in sites] == ["train", "val", "test", "train"]
    assert [site.id for site in by_role(sites, "train")] == ["a", "d"]
    assert len(by_role(sites, "all")) == 4
    assert sites[0].files == (root / "s2" / "a.tif",)


def test_a_column_a_class(root: Path) -> None:
    text = "id,split,Landfills,oil_refineries_petroleum_terminals\na,train,1,0\nb,val,0,1\nc,test,0,0\n"
    assert site_classes(found(root, text)).tolist() == [[True, False], [False, True], [False, False]]


def test_geojson_says_the_same(root: Path) -> None:
    rows = [
        {"id": "a", "split": "train", "landfills": 1, "R&Ts": 0},
        {"id": "b", "split": "test", "landfills": 0, "R&Ts": 1},
    ]
    features = [
        {"type": "Feature", "properties": row, "geometry": {"type": "Point", "coordinates": [15, 45]}}
        for row in rows
    ]
    text = json.dumps({"type": "FeatureCollection", "features": features})
    assert site_classes(found(root, text, "sites.geojson")).tolist() == [[True, False], [False, True]]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("id,split,labels\na,train,landfill\n", "row 1: labels has the unknown class 'landfill'"),
        ("id,split,labels\na,held,landfills\n", "row 1: split is 'held', not one of train"),
        ("id,labels\na,landfills\n", "row 1: the column 'split' is missing; the table has id, labels"),
        ("id,split,landfills\na,train,1\n", "neither a column 'labels' nor a column 'oil refineries"),
        ("id,split,landfills,r&ts\na,train,1,2\n", "column 'r&ts' is '2', not 0 or 1"),
        ("id,split,labels\na,train,\na,train,\n", "row 2: site 'a' is listed twice"),
        ("id,split,labels\na,train,\nz,train,\n", "row 2: site 'z' has no image; expected"),
        ("id,split,labels\n", "the table has no rows"),
    ],
)
def test_what_is_wrong_is_said(text: str, told: str, root: Path) -> None:
    with pytest.raises(SceneError) as caught:
        found(root, text)
    assert told in str(caught.value)


@pytest.mark.parametrize("text", ["id,split,labels\na\n", "id,labels\na,,more\n"])
def test_rows_of_other_lengths_are_said(text: str, root: Path) -> None:
    with pytest.raises(SceneError, match=r"row 1: (split is ''|the column 'split' is missing)"):
        found(root, text)


def test_no_table(root: Path) -> None:
    with pytest.raises(
        SceneReadError,
        match=r"the table of sites does not exist; check data\.root, or set "
        "it with `--data FOLDER`",
    ):
        find_sites(SitesSpec(root=root, table=Path("none.csv")), (IMAGE,), CLASSES)


def test_a_sensor_without_any_image(root: Path) -> None:
    (root / "sites.csv").write_text("id,split,labels\na,train,\n")
    radar = IMAGE.model_copy(update={"name": "sentinel-1", "files": "s1/{id}.tif"})
    with pytest.raises(SceneError, match=r"no site has an image of sentinel-1"):
        find_sites(SitesSpec(root=root, table=Path("sites.csv")), (IMAGE, radar), CLASSES)
    odd = IMAGE.model_copy(update={"files": "s2/{tile}.tif"})
    with pytest.raises(SceneError, match="has a column that the table lacks"):
        find_sites(SitesSpec(root=root, table=Path("sites.csv")), (odd,), CLASSES)


def site(path: Path, lonlat: tuple[float, float] | None = None) -> Site:
    return Site(id="a", role="train", classes=(False, False), files=(path,), lonlat=lonlat)


def ramp(height: int, width: int) -> NDArray[np.uint16]:
    rows, cols = np.mgrid[:height, :width]
    return np.asarray(1000 + 10 * rows + cols, np.uint16)


def test_the_middle_of_an_image_is_read(tmp_path: Path) -> None:
    values = ramp(80, 76)
    path = write_scene(tmp_path / "a.tif", values[None], ["red"])
    pixels = read_site(path, IMAGE, ("red",), 72, site(path))
    np.testing.assert_array_equal(pixels.data[0], values[4:76, 2:74])
    assert pixels.valid.all()
    small = write_scene(tmp_path / "b.tif", values[None, :70, :72], ["red"])
    pixels = read_site(small, IMAGE, ("red",), 72, site(small))
    assert pixels.valid.sum() == 70 * 72
    np.testing.assert_array_equal(pixels.data[0][1:71], values[:70, :72])


def test_a_shared_raster_is_read_around_the_site(tmp_path: Path) -> None:
    values = ramp(200, 300)
    path = write_scene(tmp_path / "all.tif", values[None], ["red"])
    lonlat = Transformer.from_crs(32633, 4326, always_xy=True).transform(501_500, 4_999_000)
    shared = IMAGE.model_copy(update={"shared": True})
    pixels = read_site(path, shared, ("red",), 72, site(path, lonlat))
    np.testing.assert_array_equal(pixels.data[0], values[64:136, 114:186])


def test_other_pixels_are_brought_to_the_sensors(tmp_path: Path) -> None:
    """20 m pixels become 10 m ones over the same ground."""
    values = ramp(36, 36)
    path = write_scene(tmp_path / "a.tif", values[None], ["red"], pixel=20)
    physical = read_site(path, IMAGE, ("red",), 72, site(path)).physical()[0]
    assert physical.shape == (72, 72)
    # Centres lie a quarter of a coarse pixel off: a ramp is found there, to the digit that is stored.
    expected = (values[1:-1, 1:-1] - 0.25 * 10 - 0.25) * 1e-4
    np.testing.assert_allclose(physical[2:-2:2, 2:-2:2], expected, atol=5.1e-5)


def test_images_without_crs_must_have_the_footprints_size(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "a.tif", ramp(72, 72)[None], ["red"], crs=None)
    assert read_site(path, IMAGE, ("red",), 72, site(path)).valid.all()
    other = write_scene(tmp_path / "b.tif", ramp(80, 72)[None], ["red"], crs=None)
    with pytest.raises(SceneError, match="of a sentinel-2 footprint, not 80 x 72"):
        read_site(other, IMAGE, ("red",), 72, site(other))
    radar = IMAGE.model_copy(update={"units": "db"})
    with pytest.raises(SceneError, match="band red is in reflectance, but the config has units: db"):
        read_site(path, radar, ("red",), 72, site(path))
