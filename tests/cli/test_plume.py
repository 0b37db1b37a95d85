"""`geoseg methane plume` as users type it: results, plans, and every way to be refused."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio

from tests.plumes import darken, ground, plume, write
from tests.spectrometer import lookup_table, simulate, write_granule
from tests.together import refused

Geoseg = Callable[..., tuple[str, str]]
AIR_MASS = 2.15


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write(tmp_path_factory.mktemp("scene") / "day", darken(ground(2), plume(), AIR_MASS))


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write(tmp_path_factory.mktemp("reference") / "calm", ground(1), "S2A_MSIL1C_20210626T065621")


def test_a_map_in_one_command(geoseg: Geoseg, scene: str, reference: str, tmp_path: Path) -> None:
    out, err = geoseg(
        "methane", "plume", scene, "--reference", reference, "--wind", 3, "-o", tmp_path / "p.gpkg",
        "--columns", tmp_path / "c.tif", "--picture", tmp_path / "p.png", "--raster", tmp_path / "r.tif",
        "--report", tmp_path / "p.html", "--json",
    )  # fmt: skip
    record = json.loads(out)
    assert record["task"] == "methane plume"
    assert record["classes"][0]["label"] == "methane plume"
    assert {Path(path).name for path in record["outputs"]} == {
        "p.gpkg", "c.tif", "p.png", "r.tif", "p.html",
    }  # fmt: skip
    page = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert "Largest source rate" in page
    assert "Sentinel-2A" in err
    assert "air-mass factor" in err
    assert "anywhere in the scene" in err
    shown, _ = geoseg("info", tmp_path / "p.gpkg")
    assert "methane plume" in shown
    _, again = geoseg("methane", "plume", scene, "-o", tmp_path / "p.gpkg", code=6)
    assert "--overwrite" in again


def test_columns_do_not_stay_without_the_map(geoseg: Geoseg, scene: str, tmp_path: Path) -> None:
    path, columns = tmp_path / "p.gpkg", tmp_path / "c.tif"
    columns.write_bytes(b"the old columns")
    with refused(path, OSError(errno.ENOSPC, "full"), moved=False):
        _, err = geoseg("methane", "plume", scene, "-o", path, "--columns", columns, "--overwrite", code=6)
    assert "p.gpkg: the disk" in err
    assert [item.name for item in tmp_path.iterdir()] == ["c.tif"]
    assert columns.read_bytes() == b"the old columns"


def test_a_plan_of_a_cube_retrieves_nothing(geoseg: Geoseg, tmp_path: Path) -> None:
    cube = simulate(60, 40)
    path = write_granule(tmp_path / "EMIT_L1B_RAD_001_20230506T101031_2312607_014.nc", cube)
    output = tmp_path / "p.gpkg"
    out, _ = geoseg("methane", "plume", path, "-o", output, "--dry-run", "--json")
    plan = json.loads(out)
    assert (plan["height"], plan["width"]) == lookup_table(cube)[0].shape
    assert "methane column is computed first" in plan["notes"][0]
    # Too few pixels for a covariance: a map is refused, and the plan did not find that out.
    _, err = geoseg("methane", "plume", path, "-o", output, "--column-group", 1, code=3)
    assert "valid pixels" in err
    geoseg("methane", "plume", path, "-o", output, "--column-group", 1, "--dry-run")
    _, err = geoseg("methane", "plume", path, "-o", output, "--reference", path, "--dry-run", code=2)
    assert "`--reference` is for multispectral scenes" in err
    _, err = geoseg("methane", "plume", path, "-o", output, "--method", "mbsp", "--dry-run", code=3)
    assert "use mag1c or matched-filter" in err
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


def test_the_plan_and_the_config(geoseg: Geoseg, scene: str, reference: str, tmp_path: Path) -> None:
    out, _ = geoseg("methane", "plume", scene, "-o", tmp_path / "p.gpkg", "--dry-run", "--json")
    assert json.loads(out)["tiles"] > 0
    assert not (tmp_path / "p.gpkg").exists()
    _, err = geoseg(
        "methane", "plume", scene, "-o", tmp_path / "p.gpkg", "--wind", tmp_path / "missing.nc", "--dry-run",
        code=3,
    )  # fmt: skip
    assert "missing.nc does not exist; check the path" in err
    config, _ = geoseg(
        "methane", "plume", scene, "--reference", reference, "--wind", 3, "--source", "57,31.6",
        "-o", tmp_path / "p.gpkg", "--print-config",
    )  # fmt: skip
    (tmp_path / "run.yaml").write_text(config)
    again, _ = geoseg("methane", "plume", "--config", tmp_path / "run.yaml", "--print-config")
    assert again == config


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--wind", "0"], 2, "is not above 0 m/s"),
        (["--wind", "-3"], 2, "a source rate needs wind"),
        (["--wind", "nowhere.nc"], 3, "nowhere.nc"),
        (["--source", "95,400"], 2, "longitude comes first"),
        (["--source", "31.6,57"], 3, "whose centre is 57.0"),
        (["--effective-wind", "1"], 2, "two numbers"),
        (["--method", "mbmp"], 2, "--reference"),
        (["--method", "mag1c"], 2, "imaging spectrometer"),
        (["--threshold", "900", "--percentile", "99"], 2, "give only one of them"),
        (["--column-group", "0"], 2, "`--column-group` is for scenes of imaging spectrometers"),
        (["--satellite", "sentinel-9"], 2, "sentinel-9"),
        (["--satellite", "sentinel-2b"], 3, "Sentinel-2A"),
        (["--sensor", "sentinel-2-l2a-harmonised"], 3, "L1C"),
        (["--facilities", "missing.gpkg"], 3, "missing.gpkg"),
        (["--sun-zenith", "90"], 2, "--sun-zenith"),
        (["--model", "water-optical"], 4, "flood"),
        (["--columns", "methane.png"], 2, "rasters are GeoTIFF"),
    ],
)
def test_what_is_refused(
    geoseg: Geoseg, scene: str, tmp_path: Path, options: list[str], code: int, message: str
) -> None:
    _, err = geoseg("methane", "plume", scene, "-o", tmp_path / "p.gpkg", *options, code=code)
    line = [text for text in err.splitlines() if text.startswith("error:")]
    assert len(line) == 1
    assert message in line[0]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "first", "second"), [("p.tif", "--raster", "--columns"), ("p.gpkg", "-o", "--facilities")]
)
def test_no_file_is_named_twice(
    geoseg: Geoseg, scene: str, tmp_path: Path, name: str, first: str, second: str
) -> None:
    path = tmp_path / name
    path.write_bytes(b"kept")
    output = ("-o", tmp_path / "map.gpkg") if first != "-o" else ()
    _, err = geoseg("methane", "plume", scene, *output, first, path, second, path, "--overwrite", code=6)
    assert name in err
    assert path.read_bytes() == b"kept"


def test_references_that_are_none(geoseg: Geoseg, scene: str, tmp_path: Path) -> None:
    surface = write(tmp_path / "l2", ground(1), "S2A_MSIL2A_20210626T065621")
    output = tmp_path / "p.gpkg"
    _, err = geoseg("methane", "plume", scene, "--reference", surface, "-o", output, code=3)
    assert "l2 is surface reflectance" in err
    _, err = geoseg("methane", "plume", scene, "--reference", scene, "-o", output, code=3)
    assert "is given for two dates: `--reference` needs different scenes" in err
    other = write(tmp_path / "b", ground(1), "S2B_MSIL1C_20210626T065621")
    _, err = geoseg("methane", "plume", scene, "--reference", other, "-o", output)
    assert "warning: reference b is from Sentinel-2B MSI, not from Sentinel-2A MSI" in err


def test_a_scene_without_clear_land(geoseg: Geoseg, tmp_path: Path) -> None:
    white = write(tmp_path / "white", {name: values * 0 + 0.9 for name, values in ground(1).items()})
    _, err = geoseg("methane", "plume", white, "-o", tmp_path / "p.gpkg", code=3)
    assert "white has no clear land pixel" in err
    assert "another date" in err


def test_the_satellite_must_be_known(geoseg: Geoseg, tmp_path: Path) -> None:
    unknown = write(tmp_path / "a", ground(1), "T40RCS_20210706T065621")
    _, err = geoseg("methane", "plume", unknown, "-o", tmp_path / "p.gpkg", code=3)
    assert "--satellite" in err
    geoseg("methane", "plume", unknown, "--satellite", "sentinel-2a", "-o", tmp_path / "p.gpkg")


def test_a_scene_without_a_crs_has_no_rates(geoseg: Geoseg, tmp_path: Path) -> None:
    folder = Path(write(tmp_path / "a", ground(1)))
    for path in folder.glob("*.tif"):
        with rasterio.open(path) as file:
            values, profile = file.read(1), file.profile
        with rasterio.open(path, "w", **{**profile, "crs": None}) as file:
            file.write(np.asarray(values), 1)
    _, err = geoseg("methane", "plume", folder, "-o", tmp_path / "p.gpkg", code=3)
    assert "has no CRS" in err


@pytest.mark.parametrize("alignment", [(), ("--no-coregister",)], ids=["clear shift undone", "as they are"])
def test_real_pairs_without_a_plume_show_none(
    alignment: tuple[str, ...], geoseg: Geoseg, data_dir: Path, tmp_path: Path
) -> None:
    """Eight cities, each on two days, whether or not their shift is undone: suspects at most."""
    for city in sorted((data_dir / "change-s2").iterdir()):
        if not city.is_dir():
            continue
        out, _ = geoseg(
            "methane", "plume", city / "after", "--reference", city / "before", *alignment,
            "--satellite", "sentinel-2a", "--wind", 3, "-o", tmp_path / "p.gpkg", "--overwrite", "--json",
        )  # fmt: skip
        assert 1 not in {item["value"] for item in json.loads(out)["classes"]}, city.name
