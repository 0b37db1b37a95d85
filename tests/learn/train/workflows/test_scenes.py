"""Scene classifiers from labelled sites to a map, by the commands that users type."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
pytest.importorskip("lightning", reason="the extra `train` is not installed")
onnx = pytest.importorskip("onnx")

from geoseg.models.networks.classification import build_classifier  # noqa: E402

from geoseg.bundles.find import find_classifier  # noqa: E402
from geoseg.engine.normalise import Normaliser  # noqa: E402
from geoseg.errors import UsageError  # noqa: E402
from geoseg.learn.samples.labelled_sites import by_role, find_sites, read_site  # noqa: E402
from geoseg.learn.train.config import read_any_config, read_config  # noqa: E402
from geoseg.learn.train.scene_module import ClassifierModule  # noqa: E402
from geoseg.learn.train.scene_run import positive_weights, train_classifier  # noqa: E402
from geoseg.learn.train.scene_sites import Footprints, SceneSites  # noqa: E402
from geoseg.learn.train.scene_spec import SceneTrainSpec  # noqa: E402
from tests.classifiers import write_scene  # noqa: E402
from tests.learn.train.conftest import Run, made_once, trained  # noqa: E402
from tests.messages import Messages, progress  # noqa: E402
from tests.prepared_process import geoseg  # noqa: E402
from tests.simulated import disc  # noqa: E402
from tests.sites import CONFIG, write_sites  # noqa: E402


@pytest.fixture(scope="session")
def sites_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Train on simulated sites and export."""

    def make(root: Path) -> Run:
        write_sites(root / "set")
        config = root / "sites.yaml"
        config.write_text(CONFIG.format(root=root / "set"))
        return trained(root, config, "simulated-sites", threads=1)

    return made_once(tmp_path_factory, "sites", make)


def spec_of(config: Path) -> SceneTrainSpec:
    spec = read_any_config(str(config))
    assert isinstance(spec, SceneTrainSpec)
    return spec


def test_the_loop_learns(sites_run: Run) -> None:
    rows = list(csv.DictReader((sites_run.folder / "logs" / "metrics.csv").read_text().splitlines()))
    losses = [float(row["train_loss"]) for row in rows if row["train_loss"]]
    scores = [float(row["val_ap"]) for row in rows if row["val_ap"]]
    assert len(losses) == len(scores) == 4
    assert losses[-1] < 0.8 * losses[0]
    assert scores[-1] > 0.85
    there = {path.relative_to(sites_run.folder).as_posix() for path in sites_run.folder.rglob("*")}
    assert {"training.json", "curves.svg", "checkpoints/best.ckpt", "checkpoints/last.ckpt"} <= there
    assert "Mean average precision on val" in (sites_run.folder / "curves.svg").read_text()


def test_sites_held_out_are_ranked_far_better_than_by_chance(sites_run: Run, tmp_path: Path) -> None:
    out = tmp_path / "report"
    done = geoseg(
        "evaluate", "maps", sites_run.config, "--model", sites_run.bundle, "--on", "test", "-o", out, "--json"
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    (result,) = said["results"]
    assert result["sites"] == 12
    for entry in result["classes"]:
        assert entry["average_precision"] > entry["prevalence"] + 0.25
        assert entry["interval"][0] <= entry["average_precision"] <= entry["interval"][1]
    assert said["published"]["average_precision"] == {"landfills": 0.5}
    assert "published by others" in said["published"]["not_ours"]
    page = (out / "report.html").read_text()
    assert "published by others for another set" in page
    assert page.count("data:image/svg+xml;base64,") == 2
    rows = list(csv.DictReader((out / "sites.csv").read_text().splitlines()))
    assert len(rows) == 12
    assert {row["split"] for row in rows} == {"test"}
    assert json.loads((out / "scores.json").read_text()) == said


def test_the_bundle_is_sound_and_says_what_it_needs(sites_run: Run) -> None:
    checked = geoseg("models", "check", sites_run.bundle)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    shown = geoseg("models", "show", sites_run.bundle).stdout
    for word in ("scene-classification", "720 x 720 m", "sentinel-1", "72 x 72", "landfills", "CC0-1.0"):
        assert word in shown
    graph = onnx.load(str(sites_run.bundle / "model.onnx"))
    onnx.checker.check_model(graph, full_check=True)
    assert [port.name for port in graph.graph.input] == ["sentinel-2", "sentinel-1"]
    sizes = [port.type.tensor_type.shape.dim for port in graph.graph.input]
    assert [dims[0].dim_param for dims in sizes] == ["batch", "batch"]
    assert [[size.dim_value for size in dims[1:]] for dims in sizes] == [[2, 72, 72], [1, 72, 72]]
    card = (sites_run.bundle / "README.md").read_text()
    assert "| network | test_resnet for each sensor" in card


def test_a_map_finds_what_was_learnt(sites_run: Run, tmp_path: Path) -> None:
    """One landfill in a scene of 400² pixels: the best window of it holds it."""
    rng = np.random.default_rng(7)
    bands = rng.normal(0.15, 0.03, (2, 400, 400))
    bands[:, disc(400, 250, 130, 12)] += 0.25
    stored = np.clip(bands * 1e4, 1, 65_000).astype(np.uint16)
    path = write_scene(tmp_path / "scene.tif", stored, ["red", "nir"])
    out, raster = tmp_path / "map.gpkg", tmp_path / "scores.tif"
    done = geoseg(
        "methane", "facilities", path, "--sensor", "sentinel-2-l2a-harmonised", "--model", sites_run.bundle,
        "-o", out, "--scores", raster, "--threshold", 0.5, "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "input sentinel-1 has no scene" in done.stderr
    points = geopandas.read_file(out, layer="facilities")
    landfills = points[points["label"] == "landfills"]
    assert len(landfills) >= 1
    best = landfills.iloc[0]
    assert abs(best.geometry.x - 501_300) < 360
    assert abs(best.geometry.y - 4_997_500) < 360
    with rasterio.open(raster) as file:
        scores = file.read(1)
    assert best["score"] == scores.max()
    assert np.median(scores) < 0.5 * best["score"] + 0.25


def test_training_images_are_what_maps_are_made_from(sites_run: Run) -> None:
    """The same site through the training's own code and through the bundle's `Normaliser`."""
    spec = spec_of(sites_run.config)
    site = by_role(find_sites(spec.data, spec.sensors, spec.classes), "val")[0]
    model = find_classifier(str(sites_run.bundle))
    statistics = tuple(tuple((band.mean, band.std) for band in given.bands) for given in model.inputs)
    (ours, _), truth = SceneSites(spec, Footprints(spec), [site], statistics, augmented=False)[0]
    sensor, given, path = spec.sensors[0], model.inputs[0], site.files[0]
    assert path is not None
    theirs = Normaliser(given)(read_site(path, sensor, sensor.names, 72, site))
    torch.testing.assert_close(ours, torch.from_numpy(theirs), atol=1e-4, rtol=1e-4)
    assert truth.tolist() == [float(value) for value in site.classes]


def test_missing_and_dropped_sensors_are_zeros(sites_run: Run) -> None:
    spec = spec_of(sites_run.config)
    sites = find_sites(spec.data, spec.sensors, spec.classes)
    statistics = tuple(tuple((0.1, 0.1) for _ in sensor.bands) for sensor in spec.sensors)
    without = sites[0]
    assert without.files[1] is None
    plain = SceneSites(spec, Footprints(spec), sites[:2], statistics, augmented=False)
    assert not plain[0][0][1].any()
    assert plain[1][0][1].any()
    always = spec.model_copy(
        update={"sensors": tuple(item.model_copy(update={"drop": 0.5}) for item in spec.sensors)}
    )
    drawn = SceneSites(always, Footprints(always), sites[1:2], statistics, augmented=True)
    shown = [tuple(bool(image.any()) for image in drawn[number][0]) for number in range(80)]
    assert set(shown) == {(True, True), (True, False), (False, True)}
    # Of four ways to drop with equal chance, none left becomes one of the two: 3 in 8 each.
    assert 18 < sum(pair == (True, False) for pair in shown) < 42


def test_every_site_comes_before_any_comes_again(sites_run: Run) -> None:
    spec = spec_of(sites_run.config)
    sites = find_sites(spec.data, spec.sensors, spec.classes)[:5]
    data = SceneSites(spec, Footprints(spec), sites, ((), ()), augmented=True)
    turns = [[data._drawn(turn * 5 + place) for place in range(5)] for turn in range(4)]
    assert all(sorted(turn) == [0, 1, 2, 3, 4] for turn in turns)
    assert len({tuple(turn) for turn in turns}) > 1
    other = SceneSites(spec, Footprints(spec), sites, ((), ()), augmented=True)
    assert [other._drawn(number) for number in (12, 3, 12)] == [turns[2][2], turns[0][3], turns[2][2]]


def test_without_positives_to_validate_by_the_last_weights_are_kept(
    sites_run: Run, tmp_path: Path, messages: Messages
) -> None:
    rows = list(csv.DictReader((sites_run.data / "sites.csv").read_text().splitlines()))
    for row in rows:
        if row["split"] == "validation":
            row["labels"] = "negative"
    table = tmp_path / "sites.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    spec = spec_of(sites_run.config)
    loop = spec.loop.model_copy(update={"epochs": 1, "samples_per_epoch": 12})
    data = spec.data.model_copy(update={"table": table})
    done = train_classifier(spec.model_copy(update={"loop": loop, "data": data}), tmp_path / "run", progress)
    assert done.score is None
    assert done.checkpoint.name == "last.ckpt"
    assert done.checkpoint.is_file()
    assert any("no validation site has a class" in text for text in messages.warnings)


def test_positives_weigh_as_many_as_there_are_others(sites_run: Run) -> None:
    spec = spec_of(sites_run.config)
    learn = by_role(find_sites(spec.data, spec.sensors, spec.classes), "train")
    count = sum(site.classes[0] for site in learn)
    weights = positive_weights(spec, learn)
    assert weights is not None
    assert weights[0] == pytest.approx((len(learn) - count) / count)
    module = ClassifierModule(spec, weights, fetch=False)
    logits, truth = torch.zeros(4, 2), torch.tensor([[1.0, 0], [0, 0], [0, 0], [0, 0]])
    expected = np.log(2) * (weights[0] + 7) / 8
    assert float(module._loss(logits, truth)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("encoder", ["densenet121", "resnet18", "mobilenetv3_small_050"])
def test_any_encoder_of_timm(encoder: str) -> None:
    network = build_classifier(encoder, {"sentinel-2": (10, 72), "sentinel-1": (2, 36)}, 6).eval()
    with torch.no_grad():
        logits = network(torch.randn(2, 10, 72, 72), torch.randn(2, 2, 36, 36))
    assert logits.shape == (2, 6)
    with pytest.raises(UsageError, match=r"encoder densnet for 4 bands of 72 x 72 pixels \(naip\): Unknown"):
        build_classifier("densnet", {"naip": (4, 72)}, 6)


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ("loop.crop=64", 2, "unknown key 'loop.crop'"),
        ("network.encoder=densenet999", 2, "densenet999"),
        ("footprint=700", 2, "must be a multiple of 4"),
        ("loss.positive_weights=[1]", 2, "has 1 values for 2 classes"),
        ("published.average_precision={mines: 0.5}", 2, "'mines' is not a class"),
        ("data.root=/nowhere", 3, "check data.root"),
        ("data.table=s2/site_000.tif", 3, "is not a vector file that can be read"),
    ],
)
def test_what_is_wrong_is_said(sites_run: Run, tmp_path: Path, change: str, code: int, message: str) -> None:
    done = geoseg("train", sites_run.config, "-o", tmp_path / "run", "--set", change)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert not (tmp_path / "run" / "checkpoints").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--method", "mndwi"), 2, "`--method` applies to maps"),
        (("--shots", 3, "--model", "x"), 2, "`--shots` applies to maps"),
        ((), 2, "add `--model`"),
        (("--model", "flood-sar"), 4, "is a segmentation network"),
        (("--model", "x", "--on", "tests"), 2, "'--on': 'tests' is not one of"),
    ],
)
def test_what_cannot_be_evaluated_is_said(
    sites_run: Run, arguments: tuple[Any, ...], code: int, message: str
) -> None:
    done = geoseg("evaluate", "maps", sites_run.config, *arguments)
    assert done.returncode == code, done.stderr
    assert message in done.stderr


def test_kinds_of_configs_are_not_mixed_up(sites_run: Run) -> None:
    with pytest.raises(UsageError, match="the config is for a scene classifier"):
        read_config(str(sites_run.config))
    shipped = read_any_config("meter-ml")
    assert isinstance(shipped, SceneTrainSpec)
    assert [shipped.side(sensor) for sensor in shipped.sensors] == [72, 720, 72]
    assert len(shipped.classes) == 6
    assert shipped.published is not None
    assert sorted(shipped.published.average_precision.values()) == [0.821, 0.915]
