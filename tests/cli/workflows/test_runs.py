"""Whole runs: what goes to stdout and stderr, what is left behind, and how a run can be ended."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from geoseg.demo.flood_demo import write_scene
from geoseg.demo.simulated_flood import BANDS, simulate
from tests.together import refused

Geoseg = Callable[..., tuple[str, str]]
COMMAND = [sys.executable, "-m", "geoseg"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a simulated scene, `after.tif`, and the one before, `before.tif`."""
    place = tmp_path_factory.mktemp("scenes")
    made = simulate(size=300)
    write_scene(place / "before.tif", made.before, BANDS)
    write_scene(place / "after.tif", made.after, BANDS)
    return place


def test_for_people(folder: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    out, err = geoseg(
        "flood", folder / "after.tif", "--before", folder / "before.tif", "-o", tmp_path / "a.gpkg"
    )
    assert "flood (1)" in out
    assert "permanent water (2)" in out
    assert "km²" in out or " ha" in out
    assert str(tmp_path / "a.gpkg") in out
    assert "note: " in err
    assert "note: " not in out


def test_for_programs(folder: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    out, _ = geoseg("flood", folder / "after.tif", "-o", tmp_path / "a.gpkg", "--json")
    record = json.loads(out)
    assert record["task"] == "flood"
    assert record["outputs"] == [str(tmp_path / "a.gpkg")]
    assert json.loads(geoseg("info", tmp_path / "a.gpkg", "--json")[0]) == record
    assert record["method"] in geoseg("info", tmp_path / "a.gpkg")[0]


def test_quiet_leaves_warnings_only(folder: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    _, err = geoseg("flood", folder / "after.tif", "-o", tmp_path / "a.gpkg", "-q")
    assert all(line.startswith("warning: ") for line in err.splitlines())


def test_a_record_runs_again(folder: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    """The printed request makes the same map."""
    arguments = ["flood", folder / "after.tif", "-o", tmp_path / "a.gpkg", "--min-area", 1000]
    config = tmp_path / "run.yaml"
    config.write_text(geoseg(*arguments, "--print-config")[0])
    assert not (tmp_path / "a.gpkg").exists()
    first = json.loads(geoseg("flood", "--config", config, "--json")[0])
    second = json.loads(geoseg(*arguments, "--overwrite", "--json")[0])
    assert first["classes"] == second["classes"]
    assert yaml.safe_load(config.read_text())["min-area"] == 1000


def test_a_plan_writes_nothing(folder: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    out, _ = geoseg("flood", folder / "after.tif", "-o", tmp_path / "a.gpkg", "--dry-run")
    assert "300 x 300 pixels" in out
    plan = json.loads(
        geoseg("flood", folder / "after.tif", "-o", tmp_path / "a.gpkg", "--dry-run", "--json")[0]
    )
    assert plan["tiles"] >= 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [("map.xyz", 2, ".xyz"), ("none/a.gpkg", 6, "does not exist"), ("kept.gpkg", 6, "--overwrite")],
)
def test_outputs_that_cannot_be(
    name: str, code: int, told: str, folder: Path, tmp_path: Path, geoseg: Geoseg
) -> None:
    (tmp_path / "kept.gpkg").write_text("mine")
    out, err = geoseg("flood", folder / "after.tif", "-o", tmp_path / name, code=code)
    assert out == ""
    assert told in err
    assert (tmp_path / "kept.gpkg").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["kept.gpkg"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--method", "magic"], 2, "magic"),
        (["--method", "sar-vv"], 3, "sar-vv"),
        (["--before", "none.tif"], 3, "none.tif"),
        (["--aoi", "none.gpkg"], 3, "none.gpkg"),
        (["--bbox", "100,10,101,11"], 3, "bbox"),
        (["--model", "none.onnx"], 4, "none.onnx"),
        (["--sensor", "sentinel-9"], 2, "sentinel-9"),
        (["--dst-crs", "EPSG:1"], 2, "EPSG:1"),
    ],
)
def test_requests_that_do_not_fit(
    arguments: list[str], code: int, told: str, folder: Path, tmp_path: Path, geoseg: Geoseg
) -> None:
    out, err = geoseg("flood", folder / "after.tif", "-o", tmp_path / "a.gpkg", *arguments, code=code)
    assert out == ""
    assert told in err.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_plans_and_vectorize_warn_of_options_that_nothing_reads(
    folder: Path, tmp_path: Path, geoseg: Geoseg
) -> None:
    _, err = geoseg("flood", folder / "after.tif", "-o", tmp_path / "x.gpkg", "--max-hand", "3", "--dry-run")
    assert "`--max-hand`: not used, because there is no `--hand`" in err
    Image.fromarray(np.ones((8, 8), np.uint8)).save(tmp_path / "m.png")
    _, err = geoseg("vectorize", tmp_path / "m.png", "-o", tmp_path / "x.gpkg", "--zone-name", "district")
    assert "`--zone-name`: not used, because there is no `--zones`" in err


def test_vectorize_tells_what_is_in_a_bare_mask(tmp_path: Path, geoseg: Geoseg) -> None:
    mask = np.zeros((40, 60), np.uint8)
    mask[5:10, 5:20] = 3
    Image.fromarray(mask).save(tmp_path / "m.png")
    out, err = geoseg("vectorize", tmp_path / "m.png", "-o", tmp_path / "m.gpkg")
    assert [line.split() for line in out.splitlines()[1:2]] == [["class", "3", "(3)", "1", "75"]]
    assert "class 4" not in out
    assert "m.png: no CRS" in err
    assert "255" not in err
    Image.fromarray(mask * 85).save(tmp_path / "m.png")
    out, err = geoseg("vectorize", tmp_path / "m.png", "-o", tmp_path / "n.gpkg")
    assert "nothing found" in out
    assert "255 is taken for not observed" in err
    assert "gdal_calc.py" in err


def test_a_reference_of_unknown_values_is_asked_about(folder: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    classes = np.full((1, 300, 300), 2, np.uint8)
    classes[0, :150] = 5
    write_scene(tmp_path / "two.tif", classes, ("two",))
    request = ["flood", folder / "after.tif", "-o", tmp_path / "a.gpkg", "--permanent-water"]
    _, err = geoseg(*request, tmp_path / "two.tif", code=3)
    assert "It holds 2 (50%), 5 (50%). Give those that mean permanent water: `--permanent-values" in err
    assert not (tmp_path / "a.gpkg").exists()
    _, err = geoseg(*request, tmp_path / "two.tif", "--permanent-values", "5,7")
    assert "note: two.tif: permanent water is 5, 7, as asked" in err
    assert "note: two.tif: 50.0% of the scene is permanent water" in err
    _, err = geoseg(*request, tmp_path / "two.tif", "--permanent-above", "5", "--overwrite")
    assert "warning: two.tif: no permanent water in the scene (it holds 2 (50%), 5 (50%))" in err
    for options in (["--permanent-values", "5", "--permanent-above", "4"], ["--permanent-values", "5,water"]):
        _, err = geoseg(*request, tmp_path / "two.tif", *options, "--overwrite", code=2)
        assert "--permanent-values" in err


def test_heights_above_the_sea_are_no_heights_above_drainage(
    folder: Path, tmp_path: Path, geoseg: Geoseg
) -> None:
    request = ["flood", folder / "after.tif", "-o", tmp_path / "a.gpkg", "--overwrite", "--hand"]
    for least, told in ((200, True), (3, False)):
        heights = np.full((1, 300, 300), least + 50, np.uint8)
        heights[0, :100] = least
        write_scene(tmp_path / "h.tif", heights, ("height",), overwrite=True)
        _, err = geoseg(*request, tmp_path / "h.tif")
        assert ("h.tif: its least value, 200, is above `--max-hand 15`" in err) == told


def test_vectorize_names_classes(folder: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    geoseg("flood", folder / "after.tif", "-o", tmp_path / "a.gpkg", "--raster", tmp_path / "a.tif")
    out, _ = geoseg("vectorize", tmp_path / "a.tif", "-o", tmp_path / "b.gpkg", "--class", "1=deep:#112233")
    assert "deep (1)" in out


def _repeated(folder: Path, path: Path, times: int) -> Path:
    """A scene of `times` x `times` copies of another: large to map, small on disk."""
    side = 300 * times
    bands = []
    for index, name in enumerate(BANDS, start=1):
        sources = "".join(
            f"<SimpleSource><SourceFilename>{folder / 'after.tif'}</SourceFilename>"
            f"<SourceBand>{index}</SourceBand><SrcRect xOff='0' yOff='0' xSize='300' ySize='300'/>"
            f"<DstRect xOff='{300 * col}' yOff='{300 * row}' xSize='300' ySize='300'/></SimpleSource>"
            for row in range(times)
            for col in range(times)
        )
        bands.append(
            f"<VRTRasterBand dataType='UInt16' band='{index}'><Description>{name}</Description>"
            f"<Scale>0.0001</Scale>{sources}</VRTRasterBand>"
        )
    path.write_text(
        f"<VRTDataset rasterXSize='{side}' rasterYSize='{side}'><SRS>EPSG:32633</SRS>"
        f"<GeoTransform>500000,10,0,5350000,0,-10</GeoTransform>{''.join(bands)}</VRTDataset>"
    )
    return path


OUTPUTS = {"-o": "c.fgb", "--raster": "c.tif", "--scores": "s.tif", "--picture": "c.png", "--matrix": "m.csv"}


@pytest.fixture
def change(folder: Path, tmp_path: Path, geoseg: Geoseg) -> Callable[[int], tuple[str, str]]:
    """Map change with every output there is, over old ones."""
    dates = folder / "before.tif", folder / "after.tif"
    outputs = [part for option, name in OUTPUTS.items() for part in (option, tmp_path / name)]

    def run(code: int) -> tuple[str, str]:
        return geoseg("change", *dates, *outputs, "--overwrite", code=code)

    return run


@pytest.mark.parametrize("refusing", [*OUTPUTS.values(), "c.scene.fgb"])
def test_all_outputs_or_none(refusing: str, tmp_path: Path, change: Callable[[int], tuple[str, str]]) -> None:
    old = {name: f"old {name}" for name in ("c.fgb", "s.tif", "m.csv")}
    for name, text in old.items():
        (tmp_path / name).write_text(text)
    with refused(tmp_path / refusing, OSError(errno.ENOSPC, "full"), moved=False):
        _, err = change(6)
    assert f"{refusing}: the disk" in err
    with refused(tmp_path / refusing, KeyboardInterrupt(), moved=True):
        change(130)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == old


def test_outputs_that_are_whole_do_not_stay_where_a_later_one_fails(
    tmp_path: Path, change: Callable[[int], tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "save", full)
        _, err = change(6)
    assert "c.png: the disk" in err
    assert not list(tmp_path.iterdir())
    change(0)
    assert {path.name for path in tmp_path.iterdir()} == {*OUTPUTS.values(), "c.scene.fgb"}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_ended_from_outside(number: int, code: int, folder: Path, tmp_path: Path) -> None:
    """Nothing half written is left, and no traceback."""
    scene = _repeated(folder, tmp_path / "large.vrt", 40)
    arguments = ["flood", str(scene), "-o", str(tmp_path / "a.gpkg"), "--raster", str(tmp_path / "a.tif")]
    with subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # What runs in the background of a shell is started with SIGINT ignored.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # noqa: PLW1509
    ) as process:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob(".*")) and time.monotonic() < deadline:
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == code, err.decode()
    assert out == b""
    assert b"Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["large.vrt"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
def test_nobody_reads_stdout(folder: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as pipe:
        done = subprocess.run(
            [*COMMAND, "info", folder / "after.tif", "-q"], stdout=pipe, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 141
    assert done.stderr == b""


def test_doctor_finds_what_is_installed(geoseg: Geoseg) -> None:
    out, err = geoseg("doctor")
    assert err == ""
    for name in ("rasterio", "GDAL driver COG", "onnxruntime"):
        assert any(name in line and line.startswith("ok") for line in out.splitlines()), name
    assert "checks" in geoseg("doctor", "--json")[0]
