"""The command: what it scores is what `geoseg flood` maps."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio

from geoseg.learn.evaluate import protocol
from geoseg.learn.evaluate.maps_report import report_of
from geoseg.learn.train.config import read_any_config
from geoseg.learn.train.training_spec import TrainSpec
from geoseg.methods.accuracy import count, main_score
from geoseg.outputs.report import to_text
from geoseg.run_record import no_progress
from tests.learn.train.conftest import geoseg
from tests.simulated import CONFIG, SIDE, disc, write_set


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("evaluation")
    write_set(root / "set")
    path = root / "water.yaml"
    path.write_text(CONFIG.format(root=root / "set"))
    return path


@pytest.fixture(scope="module")
def done(config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report") / "report"
    ran = geoseg("evaluate", "maps", config, "--method", "mndwi --threshold 0.1", "--on", "all", "-o", out)
    assert ran.returncode == 0, ran.stderr
    assert "mndwi --threshold 0.1" in ran.stdout
    return out


def test_maps_are_those_of_the_command(config: Path, done: Path, tmp_path: Path) -> None:
    image = config.parent / "set" / "west" / "image" / "chip_4.tif"
    ran = geoseg(
        "flood", image, "--sensor", "sentinel-2-l2a", "--method", "mndwi", "--threshold", 0.1,
        "-o", tmp_path / "map.gpkg", "--raster", tmp_path / "map.tif",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    with (
        rasterio.open(tmp_path / "map.tif") as one,
        rasterio.open(done / "maps" / "0" / "chip_4.tif") as other,
    ):
        mine = one.read(1)
        np.testing.assert_array_equal(mine, other.read(1))
    label = disc(SIDE, 30 + 4 * 4, 48, 14 + 4).astype(np.uint8)
    label[-2:] = 255
    rows = {
        row["id"]: row
        for row in csv.DictReader((done / "chips.csv").read_text().splitlines())
        if "0.1" in row["subject"]
    }
    assert float(rows["chip_4"]["score"]) == pytest.approx(main_score(count(label, mine, 2)), abs=1e-5)


def test_the_report_holds_numbers_and_pictures(done: Path) -> None:
    report = json.loads((done / "scores.json").read_text())
    first = report["results"][0]
    assert [result["name"] for result in report["results"]] == ["mndwi --threshold 0.1", "mndwi"]
    assert first["chips"] == 8
    assert first["interval"][0] <= first["score"] <= first["interval"][1]
    assert first["score"] > 0.9
    assert sum(map(sum, first["confusion"])) == 8 * SIDE * (SIDE - 2)
    page = (done / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 8
    assert page.count("data:image/svg+xml;base64,") == 2


def test_parts_left_out_have_rows_of_their_own(config: Path, tmp_path: Path) -> None:
    spec = read_any_config(str(config))
    assert isinstance(spec, TrainSpec)
    windows = protocol.held_out(spec, "all")
    subjects = protocol.subjects_of(spec, (), ())
    (found,) = protocol.evaluate(spec, subjects, windows, tmp_path, no_progress)
    found = replace(found, parts={"east": (0, 1, 2), "west": (3, 4, 5, 6, 7)})
    report = report_of([found], spec, "each part left out in turn", pictures=False)
    rows = report.sections[0].tables[0].rows
    assert [row[0] for row in rows] == [found.subject.name, "  without east", "  without west"]
    assert rows[1][1] == main_score(np.sum([scene.counts for scene in found.scenes[:3]], axis=0))
    (numbers,) = json.loads(json.dumps(report.data["results"]))
    assert [part["chips"] for part in numbers["parts"].values()] == [3, 5]
    assert numbers["parts"]["east"]["score"] == pytest.approx(rows[1][1], abs=1e-5)
    assert "  without west" in to_text(report)
    assert not any(section.pictures for section in report.sections)


def test_only_the_part_held_out_is_judged(config: Path) -> None:
    ran = geoseg("evaluate", "maps", config, "--on", "test", "--json")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["results"][0]["chips"] == 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--method", "mndvi"), 2, "unknown water method 'mndvi'"),
        (("--method", "mndwi --threshhold 1"), 2, "--threshhold"),
        (("--method", "mndwi --threshold x"), 2, "--threshold: 'x' should be a valid number"),
        (("--on", "tests"), 2, "'--on': 'tests' is not one of"),
        (("--model", "no-such-model"), 4, "no-such-model"),
        (("--record",), 2, "--model"),
        (("--set", "baselines=[]"), 2, "nothing to evaluate"),
        (("--data", "/nowhere"), 3, "--data FOLDER"),
    ],
)
def test_what_is_wrong_is_said(config: Path, arguments: tuple[str, ...], code: int, message: str) -> None:
    ran = geoseg("evaluate", "maps", config, *arguments)
    assert ran.returncode == code, ran.stderr
    assert message in ran.stderr


def test_labels_against_their_image_are_not_forgiven(config: Path, tmp_path: Path) -> None:
    """A label turned around scores near nothing: the score is not made from the image alone."""
    ran = geoseg(
        "evaluate", "maps", config, "--set", "data.labels.codes={1: 1, 2: 0}", "--on", "all", "--json"
    )
    assert json.loads(ran.stdout)["results"][0]["score"] < 0.05


QUICK = ("--set", "loop.epochs=2", "--set", "loop.samples_per_epoch=16", "--json")


def test_few_shots_train_on_so_many(config: Path) -> None:
    pytest.importorskip("lightning", reason="the extra `train` is not installed")
    ran = geoseg("evaluate", "maps", config, "--shots", 3, *QUICK)
    assert ran.returncode == 0, ran.stderr
    shot, floor = json.loads(ran.stdout)["results"]
    assert shot["name"] == "simulated-water, 3 shots"
    assert shot["chips"] == floor["chips"] == 2
    assert shot["score"] is not None
    ran = geoseg("evaluate", "maps", config, "--shots", 99, *QUICK)
    assert ran.returncode == 2
    assert "only 4 training windows" in ran.stderr


@pytest.mark.slow
def test_every_region_is_left_out_once(config: Path) -> None:
    pytest.importorskip("lightning", reason="the extra `train` is not installed")
    ran = geoseg("evaluate", "maps", config, "--leave-one-out", "--set", "split={kind: region}", *QUICK)
    assert ran.returncode == 0, ran.stderr
    left_out, floor = json.loads(ran.stdout)["results"]
    assert set(left_out["parts"]) == {"east", "west"}
    assert left_out["chips"] == floor["chips"] == 8
    assert "without east: 4 windows for training, 4 for evaluation" in ran.stderr


def test_what_was_found_is_kept_in_the_bundle(config: Path, tmp_path: Path) -> None:
    """The temperature is applied to maps from then on; the map itself does not change."""
    onnx = pytest.importorskip("onnx")
    from tests.flood.test_flood_network import bundle  # noqa: PLC0415

    assert onnx
    path = bundle(tmp_path / "more", ("green", "swir16"), evidence=None)
    ran = geoseg("evaluate", "maps", config, "--model", path, "--record", "--on", "all", "--json")
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)["results"][0]
    kept = json.loads((path / "model.json").read_text())["properties"]
    assert kept["geoseg:evidence"]["score"] == pytest.approx(found["score"], abs=1e-4)
    assert kept["geoseg:evidence"]["rival"] == "mndwi"
    assert kept["geoseg:evidence"]["units"] == "reflectance"
    assert kept["geoseg:temperature"] == found["temperature"]
    again = geoseg("evaluate", "maps", config, "--model", path, "--on", "all", "--json")
    assert json.loads(again.stdout)["results"][0]["confusion"] == found["confusion"]
