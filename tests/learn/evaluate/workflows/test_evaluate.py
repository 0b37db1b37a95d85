"""The command: what it scores is what `geoseg flood` maps."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import rasterio

from geoseg.learn.evaluate import protocol
from geoseg.learn.evaluate.maps_report import report_of
from geoseg.learn.evaluate.recorded_evidence import left_out, record
from geoseg.learn.evaluate.rivals import rivals_of
from geoseg.learn.evaluate.scene_maps import SceneAccuracy
from geoseg.learn.evaluate.score_calibration import no_pixels
from geoseg.learn.evaluate.subjects import Subject
from geoseg.learn.samples import find_samples
from geoseg.learn.train.config import read_any_config
from geoseg.learn.train.training_spec import TrainSpec
from geoseg.methods.accuracy import count, main_score
from geoseg.outputs.report import to_text
from geoseg.run_record import no_progress
from geoseg.spec import Coverage
from tests.messages import Messages
from tests.prepared_process import geoseg
from tests.simulated import CONFIG, SIDE, disc, write_set

SCHEMA = json.loads(files("geoseg.configs").joinpath("schemas", "bundle.json").read_text(encoding="utf-8"))
TRIVIAL = ["everything", "MNDWI > 0", "MNDWI > -0.1", "MNDWI > -0.2", "MNDWI > Otsu"]


def _rows(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "chips.csv").read_text().splitlines()))


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
    rows = {row["id"]: row for row in _rows(done) if row["subject"] == "mndwi --threshold 0.1"}
    assert float(rows["chip_4"]["score"]) == pytest.approx(main_score(count(label, mine, 2)), abs=1e-5)


def test_the_report_holds_numbers_and_pictures(done: Path) -> None:
    report = json.loads((done / "scores.json").read_text())
    first = report["results"][0]
    assert [result["name"] for result in report["results"]] == ["mndwi --threshold 0.1", "mndwi", *TRIVIAL]
    assert first["mean_of_chips"] == pytest.approx(
        np.mean([float(row["score"]) for row in _rows(done) if row["subject"] == first["name"]]), abs=1e-4
    )
    assert first["false_positives_of_dry_chips"] is None
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
    worst, score = numbers["worst_part"]
    assert score == min(part["score"] for part in numbers["parts"].values())
    assert any(f"Worst part of {found.subject.name}: {worst}" in note for note in report.notes)
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
        (("--method", "mndwi --threshold x"), 2, "`--threshold`: 'x' should be a number"),
        (("--on", "tests"), 2, "'--on': 'tests' is not one of"),
        (("--model", "no-such-model"), 4, "no-such-model"),
        (("--record",), 2, "--model"),
        (("--set", "baselines=[]"), 2, "nothing to evaluate"),
        (("--data", "/nowhere"), 3, "`--data FOLDER`"),
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
    shot, floor, *_ = json.loads(ran.stdout)["results"]
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
    left_out, floor, *_ = json.loads(ran.stdout)["results"]
    assert set(left_out["parts"]) == {"east", "west"}
    assert left_out["chips"] == floor["chips"] == 8
    assert "without east: 4 windows for training, 4 for evaluation" in ran.stderr


def test_what_was_found_is_kept_in_the_bundle(config: Path, tmp_path: Path) -> None:
    """The temperature is applied to maps from then on; the map itself does not change."""
    onnx = pytest.importorskip("onnx")
    from tests.tasks.flood.network_bundles import bundle  # noqa: PLC0415

    assert onnx
    path = bundle(tmp_path / "more", ("green", "swir16"), evidence=None)
    ran = geoseg("evaluate", "maps", config, "--model", path, "--record", "--on", "all", "--json")
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)["results"][0]
    kept = json.loads((path / "model.json").read_text())["properties"]
    (item,) = kept["geoseg:evidence"]["sets"]
    assert item["score"] == pytest.approx(found["score"], abs=1e-4)
    assert item["mean"] == pytest.approx(found["mean_of_chips"], abs=1e-4)
    assert {*TRIVIAL, "classical", "mndwi"} == {rival["name"] for rival in item["rivals"]}
    assert (item["units"], item["scenes"], item["folds"]) == ("reflectance", 8, 0)
    assert item["left_out"] == {"sensors": [], "regions": [], "events": []}
    assert "used with `--model` only: it has no scores on another sensor, region and event" in ran.stderr
    jsonschema.validate(json.loads((path / "model.json").read_text()), SCHEMA)
    assert kept["geoseg:temperature"] == found["temperature"]
    again = geoseg("evaluate", "maps", config, "--model", path, "--on", "all", "--json")
    assert json.loads(again.stdout)["results"][0]["confusion"] == found["confusion"]


WEST = Coverage(sensors=("A",), regions=("west",), events=("flood of May",))
EAST = Coverage(sensors=("B",), regions=("east",), events=("flood of June",))


@pytest.mark.parametrize(
    ("east", "trained", "found"),
    [
        (EAST, WEST, EAST),
        (EAST, EAST, Coverage()),
        (EAST, None, Coverage()),
        (EAST.model_copy(update={"events": ()}), WEST, EAST.model_copy(update={"events": ()})),
        (EAST.model_copy(update={"sensors": ("A", "B")}), WEST, EAST.model_copy(update={"sensors": ()})),
    ],
)
def test_what_a_bundle_was_not_trained_on(
    config: Path, east: Coverage, trained: Coverage | None, found: Coverage
) -> None:
    """It follows from what the config says of the scenes, and the bundle of its training."""
    spec = _covering(config, west=WEST, east=east)
    result = _unmapped(spec)
    result = replace(result, scenes=tuple(s for s in result.scenes if s.sample.region == "east"))
    assert left_out(result, spec, trained) == found


@pytest.mark.parametrize(
    ("east", "found"),
    [
        (
            EAST,
            Coverage(sensors=("B", "A"), regions=("east", "west"), events=("flood of June", "flood of May")),
        ),
        (EAST.model_copy(update={"sensors": ("A",)}), None),
    ],
)
def test_what_each_fold_was_not_trained_on(config: Path, east: Coverage, found: Coverage | None) -> None:
    """The folds of a sensor that both regions share leave out no sensor."""
    spec = _covering(config, west=WEST, east=east)
    result = _unmapped(spec)
    regions = [scene.sample.region for scene in result.scenes]
    parts = {name: tuple(i for i, r in enumerate(regions) if r == name) for name in ("east", "west")}
    missing = Coverage(regions=("east", "west"), events=("flood of June", "flood of May"))
    assert left_out(replace(result, parts=parts), spec, None) == (found or missing)


def test_evidence_of_every_kind_left_out_makes_a_default(
    config: Path, tmp_path: Path, messages: Messages
) -> None:
    """Rivals of the same scenes in another order are compared scene by scene."""
    pytest.importorskip("onnx")
    from geoseg.bundles.find import find_model  # noqa: PLC0415
    from tests.tasks.flood.network_bundles import bundle  # noqa: PLC0415

    path = bundle(tmp_path / "net", ("green", "swir16"), evidence=None, training_scenes=WEST)
    spec = _covering(config, west=EAST, east=EAST)
    windows = protocol.held_out(spec, "all")
    subjects = protocol.subjects_of(spec, [str(path)], ())
    (first, *_) = protocol.evaluate(spec, subjects[:1], windows, tmp_path / "maps", no_progress)
    rivals = rivals_of(spec, windows[0].sample, subjects[:1], classical=True)
    others = protocol.evaluate_rivals(spec, rivals, windows[::-1], tmp_path / "rivals", no_progress)
    record(str(path), (first, *others), spec, "all")
    (item,) = find_model(str(path)).evidence.sets  # type: ignore[union-attr]
    assert item.left_out == EAST
    assert item.scenes == 8
    assert "8 scenes, fewer than 10" in messages.notes[-1]
    everything = next(rival for rival in item.rivals if rival.name == "everything")
    assert everything.gain is not None
    assert 0 < everything.gain[0] <= item.score - everything.score <= everything.gain[1]


def _unmapped(spec: TrainSpec) -> protocol.SubjectAccuracy:
    """The scenes of a set, without pixels."""
    scenes = tuple(
        SceneAccuracy(
            sample=sample, counts=np.zeros((2, 2), np.int64), reliability=no_pixels(), unobserved=0, map=None
        )
        for sample in find_samples(spec.data)
    )
    return protocol.SubjectAccuracy(subject=Subject(name="net"), scenes=scenes)


def _covering(config: Path, **covers: Coverage) -> TrainSpec:
    spec = read_any_config(str(config))
    assert isinstance(spec, TrainSpec)
    return spec.model_copy(update={"data": spec.data.model_copy(update={"covers": covers})})
