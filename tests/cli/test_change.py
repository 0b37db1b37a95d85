"""`geoseg change` as typed, on real pairs of dates."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio

Geoseg = Callable[..., tuple[str, str]]


@pytest.mark.parametrize("city", ["abudhabi", "hongkong", "saclay_e"])
def test_dates_of_different_sizes_run_untouched(
    city: str, geoseg: Geoseg, data_dir: Path, tmp_path: Path
) -> None:
    folder = data_dir / "change-s2" / city
    out, err = geoseg("change", folder / "before", folder / "after", "-o", tmp_path / "c.gpkg", "--json")
    record = json.loads(out)
    assert record["runtime"]["method"] in {"mad", "irmad"}
    assert "note: shift: after lies" in err
    assert record["valid_share"] > 0.95
    table = pyogrio.read_dataframe(tmp_path / "c.gpkg", layer="change")
    assert 10 < len(table) < 2000
    assert table["date_before"].notna().all()
    assert table["area_m2"].sum() < 0.1 * 1e2 * np.prod(list(_size(folder)))


def _size(folder: Path) -> tuple[int, int]:
    with rasterio.open(folder / "label.tif") as file:
        return file.height, file.width


def test_hong_kong_against_its_labels(geoseg: Geoseg, data_dir: Path, tmp_path: Path) -> None:
    """Chance would give an F1 of 0.05."""
    folder = data_dir / "change-s2" / "hongkong"
    geoseg(
        "change",
        folder / "before",
        folder / "after",
        "-o",
        tmp_path / "c.gpkg",
        "--raster",
        tmp_path / "c.tif",
    )
    with rasterio.open(tmp_path / "c.tif") as file:
        found = file.read(1) > 0
    with rasterio.open(folder / "label.tif") as file:
        label = file.read(1) == 2
    assert 2 * (found & label).sum() / (found.sum() + label.sum()) > 0.35


def test_wetlands_grew(geoseg: Geoseg, data_dir: Path, tmp_path: Path) -> None:
    before, after = (
        data_dir / "series-naip" / f"m_4709963_se_14_1_{date}.tif" for date in (20090818, 20200831)
    )
    out, err = geoseg(
        "change", before, after, "-o", tmp_path / "c.gpkg", "--rules", "land-cover",
        "--picture", tmp_path / "c.png", "--matrix", tmp_path / "m.csv",
    )  # fmt: skip
    assert "the values are not reflectance" in err
    table = pyogrio.read_dataframe(tmp_path / "c.gpkg", layer="change")
    areas = table.groupby("type_label")["area_m2"].sum()
    assert areas["water gain"] > 50e4
    assert areas["water gain"] > 10 * areas.get("water loss", 0)
    assert "water" in out
    assert (tmp_path / "c.png").stat().st_size > 50_000


def test_a_scene_against_itself_shifted(geoseg: Geoseg, data_dir: Path, tmp_path: Path) -> None:
    with rasterio.open(
        data_dir / "scene-s2" / next(iter(sorted((data_dir / "scene-s2").glob("*.tif")))).name
    ) as file:
        values, profile = file.read(1), file.profile
    first, second = values[:700, :700], values[3:703, :700]
    paths = []
    for name, part in (("a", first), ("b", second)):
        paths.append(tmp_path / f"{name}.tif")
        with rasterio.open(
            paths[-1], "w", driver="GTiff", width=700, height=700, count=1, dtype=part.dtype.name,
            crs=profile["crs"], transform=profile["transform"],
        ) as file:  # fmt: skip
            file.write(part, 1)
            file.descriptions = ("nir",)
    arguments = ["change", *paths, "--sensor", "sentinel-2-l2a-harmonised", "--method", "cva", "--overwrite"]
    _, err = geoseg(*arguments, "-o", tmp_path / "c.gpkg", "--coregister")
    said = next(line for line in err.splitlines() if line.startswith("note: shift: "))
    assert float(said.split(" lies ")[1].split()[0]) == pytest.approx(-3, abs=0.2)
    assert "shift undone" in err
    assert len(pyogrio.read_dataframe(tmp_path / "c.gpkg", layer="change")) == 0


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_landsat_pair_agrees_with_its_labels(geoseg: Geoseg, data_dir: Path, tmp_path: Path) -> None:
    folder = data_dir / "change-landsat" / "Taizhou"
    geoseg(
        "change", folder / "2000TM", folder / "2003TM", "-o", tmp_path / "c.gpkg",
        "--raster", tmp_path / "c.tif", "--method", "irmad",
    )  # fmt: skip
    with rasterio.open(tmp_path / "c.tif") as file:
        found = file.read(1) > 0
    changed, same = (rasterio.open(folder / f"{name}.bmp").read(1) > 0 for name in ("change", "unchanged"))
    known = changed | same
    agreed = (found == changed)[known].mean()
    chance = found[known].mean() * changed[known].mean() + (1 - found[known].mean()) * (
        1 - changed[known].mean()
    )
    assert (agreed - chance) / (1 - chance) > 0.8


def test_the_request_can_be_kept(geoseg: Geoseg, tmp_path: Path) -> None:
    out, _ = geoseg(
        "change", "a.tif", "b.tif", "-o", "c.gpkg", "--band", "red=a.tif:1", "--band", "after:red=b.tif:3",
        "--layer", "dem=d.tif", "--sensor", "naip", "--coregister", "--smooth", "3", "--print-config",
    )  # fmt: skip
    assert "'after:red': 'b.tif:3'" in out
    (tmp_path / "run.yaml").write_text(out)
    again, _ = geoseg("change", "--config", tmp_path / "run.yaml", "--print-config")
    assert again == out


def test_the_later_file_is_laid_out_like_the_earlier_one(geoseg: Geoseg) -> None:
    out, _ = geoseg("change", "a.tif", "b.tif", "-o", "c.gpkg", "--band", "red=a.tif:3", "--print-config")
    assert "band: {red: 'a.tif:3', 'after:red': 'b.tif:3'}" in out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "two are needed"),
        (["a.tif"], 2, "only one scene is given"),
        (["a.tif", "b.tif"], 2, "add `-o OUT.gpkg`"),
        (["a.tif", "b.tif", "-o", "c.gpkg", "--smooth", "4"], 2, "use an odd number"),
        (["a.tif", "b.tif", "-o", "c.gpkg", "--layer", "dem"], 2, "NAME=PATH"),
        (["a.tif", "b.tif", "-o", "c.gpkg", "--thresholding", "best"], 2, "--thresholding"),
        (["a.tif", "b.tif", "-o", "c.gpkg"], 3, "a.tif"),
        (["a.tif", "b.tif", "-o", "no/such/folder/c.gpkg"], 6, "no/such/folder"),
    ],
)
def test_bad_requests(
    arguments: list[str],
    code: int,
    message: str,
    geoseg: Geoseg,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    _, err = geoseg("change", *arguments, code=code)
    assert message in err.splitlines()[-1]


def test_unknown_tables_are_named(geoseg: Geoseg, data_dir: Path, tmp_path: Path) -> None:
    folder = data_dir / "change-s2" / "paris"
    _, err = geoseg(
        "change",
        folder / "before",
        folder / "after",
        "-o",
        tmp_path / "c.gpkg",
        "--rules",
        "landcover",
        code=2,
    )
    assert "did you mean land-cover" in err
    assert not (tmp_path / "c.gpkg").exists()
