"""`--config` and `--print-config`: one reads what the other writes, and mistakes are placed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

Geoseg = Callable[..., tuple[str, str]]

FLAGS = [
    "a.tif",
    "b.tif",
    "-o",
    "out.gpkg",
    *("--band", "green=a.tif:1", "--band", "nir=b.tif:2", "--sensor", "naip", "--sar-units", "db"),
    *("--clouds", "product", "--mask", "clouds.tif:3,8-11", "--mask-dilate", "2"),
    *("--aoi", "area.gpkg", "--bbox", "-10.5,4,-9,5", "--bbox-crs", "EPSG:32633", "--dst-crs", "EPSG:3035"),
    *("--raster", "c.tif", "--scores", "s.tif", "--picture", "p.png", "--overwrite"),
    *("--min-area", "500", "--fill-holes", "200.5", "--simplify", "5"),
    *("--tile", "256", "--overlap", "32", "--batch-size", "4", "--tta", "--runtime", "openvino"),
    *("--device", "cpu", "--precision", "bf16", "--threads", "2", "--max-memory", "2GB"),
    *(
        "--checkpoint",
        "kept",
        "--report",
        "r.html",
        "--style",
        "s.sld",
        "--style",
        "s.qml",
        "--attributes",
        "perimeter,centroid",
    ),
    *("--zones", "districts.gpkg", "--zone-name", "name", "--value", "people=people.tif"),
    *("--before", "old.tif", "--before", "older.tif", "--method", "zscore", "--threshold", "-2.5"),
    *("--thresholding", "ki", "--polarisation", "vh", "--speckle", "none"),
    *(
        "--permanent-water",
        "jrc.tif",
        "--permanent-values",
        "80,90",
        "--permanent-above",
        "75",
        "--hand",
        "hand.tif",
        "--max-hand",
        "10",
    ),
    *("--slope", "slope.tif", "--max-slope", "3"),
]


def test_every_option_survives_the_round_trip(geoseg: Geoseg, tmp_path: Path) -> None:
    printed, _ = geoseg("flood", *FLAGS, "--print-config")
    table = yaml.safe_load(printed)
    unsaid = [name for name, value in table.items() if value is None]
    assert unsaid == ["model"]  # the one option that --method rules out
    config = tmp_path / "run.yaml"
    config.write_text(printed)
    assert geoseg("flood", "--config", config, "--print-config")[0] == printed


def test_a_bare_request_survives_too(geoseg: Geoseg, tmp_path: Path) -> None:
    printed, _ = geoseg("segment", "a.tif", "-o", "b.fgb", "--model", "m.onnx", "--print-config")
    config = tmp_path / "run.yaml"
    config.write_text(printed)
    assert geoseg("segment", "--config", config, "--print-config")[0] == printed


def test_flags_win(geoseg: Geoseg, tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text("scene: [a.tif]\noutput: a.gpkg\nmin-area: 100\ntile: 256\n")
    printed, _ = geoseg("flood", "b.tif", "--config", config, "--min-area", 0, "--print-config")
    table = yaml.safe_load(printed)
    assert table["scene"] == ["b.tif"]
    assert (table["min-area"], table["tile"], table["output"]) == (0, 256, "a.gpkg")


def test_a_before_scene_is_the_same_kind_of_scene() -> None:
    from geoseg.cli.request import build  # noqa: PLC0415

    from geoseg.spec import FloodSpec  # noqa: PLC0415

    said = {"scene": ["a"], "output": Path("o.gpkg"), "before": ["b"], "sensor": "hls", "sar-units": "db"}
    request = build(FloodSpec, said, None)
    assert request.before[0].paths == ("b",)
    assert request.before[0].sensor == "hls"
    assert request.before[0].sar_units == "db"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("scene: a.tif\nmin_area: 5\n", ["line 2", "'min_area'", "min-area"]),
        ("scene: a.tif\nthreshhold: 5\n", ["line 2", "did you mean threshold?"]),
        ("scene: a.tif\ntile: 256\ntile: 128\n", ["line 3", "is repeated", "line 2"]),
        ("scene: a.tif\noutput: o.gpkg\ntile: many\n", ["line 3", "tile", "'many'"]),
        ("scene: a.tif\noutput: o.gpkg\nbbox: 1,2\n", ["line 3", "bbox", "W,S,E,N"]),
        ("scene: a.tif\noutput: o.gpkg\n\nruntime: tpu\n", ["line 4", "runtime", "openvino"]),
        ("scene: [a.tif\n", ["not valid YAML"]),
        ("- a.tif\n", ["not a mapping of options"]),
        ("text", ["not a mapping of options"]),
        ("", ["no SCENE"]),
    ],
)
def test_mistakes_in_the_file_are_placed(text: str, told: list[str], geoseg: Geoseg, tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text(text)
    out, err = geoseg("flood", "--config", config, code=2)
    assert out == ""
    assert err.count("\n") == 1
    for part in told:
        assert part in err
    if "line" in told[0]:
        assert str(config) in err


def test_a_file_that_cannot_be_read(geoseg: Geoseg, tmp_path: Path) -> None:
    _, err = geoseg("flood", "--config", tmp_path / "none.yaml", code=2)
    assert "none.yaml`: cannot be read: No such file" in err
    (tmp_path / "binary.yaml").write_bytes(b"\xe9\xff\x00a")
    _, err = geoseg("flood", "--config", tmp_path / "binary.yaml", code=2)
    assert "not text in UTF-8" in err


@pytest.mark.parametrize(("command", "option"), [("flood", "before"), ("methane plume", "reference")])
def test_scenes_of_other_dates_are_repeated(command: str, option: str, geoseg: Geoseg) -> None:
    earlier = (f"--{option}", "b.tif", f"--{option}", "c.tif")
    printed, _ = geoseg(*command.split(), "a.tif", *earlier, "-o", "x.gpkg", "--print-config")
    assert yaml.safe_load(printed)[option] == ["b.tif", "c.tif"]
