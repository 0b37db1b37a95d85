"""The bundles that ship: small, sound, and honest about when they are taken."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from geoseg.bundles.find import check_bundle, find_model
from geoseg.bundles.onnx_operators import read_operators
from geoseg.methods.trivial_rules import water_rules
from geoseg.runtimes.tensorrt.tensorrt_operators import objections
from tests.prepared_process import geoseg

ZOO = Path(__file__).parents[3] / "models" / "zoo"
BUNDLES = sorted(path.parent.name for path in ZOO.glob("*/model.json"))


def test_the_three_are_there() -> None:
    assert {"water-optical", "flood-sar", "flood-sar-pair"} <= set(BUNDLES)


@pytest.mark.parametrize("name", BUNDLES)
def test_bundles_are_small_and_sound(name: str) -> None:
    model = find_model(name)
    assert model.weights.stat().st_size <= 8e6
    assert model.task == "flood"
    assert model.licence == "Apache-2.0"
    assert model.evidence is not None
    assert model.training_scenes is not None
    assert [finding.text for finding in check_bundle(name)] == []
    graph = onnx.load(str(model.weights))
    # TensorRT reads it, the oldest included; OpenVINO and onnxruntime run it in the tests of runtimes.
    assert objections(read_operators(model.weights), (8, 5)) == ()
    assert [entry.version for entry in graph.opset_import if not entry.domain] == [18]


@pytest.mark.parametrize("name", BUNDLES)
def test_cards_say_what_they_must(name: str) -> None:
    model, card = find_model(name), (ZOO / name / "README.md").read_text()
    assert model.evidence is not None
    for word in ("trained on", "held out", "retrain", "licence", "not for", "## Default"):
        assert word in card, word
    for item in model.evidence.sets:
        low, high = item.interval
        assert f"| **{item.score:.3f}** | {low:.3f}–{high:.3f} |" in card
        for rival in item.rivals:
            gain = " {:+.3f} to {:+.3f}".format(*rival.gain).replace("-", "−") if rival.gain else ""
            assert f"| {rival.name} | {rival.score:.3f} |{gain} |" in card


@pytest.mark.parametrize("name", BUNDLES)
def test_evidence_names_all_trivial_rivals_and_makes_no_default(name: str) -> None:
    model = find_model(name)
    assert model.evidence is not None
    bands = [band.name for band in model.bands]
    for item in model.evidence.sets:
        required = {rule.name for rule in water_rules(bands, db=item.units == "db")}
        assert required <= {rival.name for rival in item.rivals}
    assert model.objection.startswith("it has no scores on another sensor")


@pytest.mark.parametrize(
    ("arguments", "model"),
    [
        (("water-hls/image/1.tif", "--sensor", "hls"), "water-optical"),
        (("flood-s1/bangladesh/s1/BGD_52_67.tif",), "flood-sar"),
    ],
)
def test_auto_on_real_scenes(arguments: tuple[str, ...], model: str, data_dir: Path, tmp_path: Path) -> None:
    """A method maps; a note says why the network that fits the scene is not used."""
    ran = geoseg("flood", data_dir / arguments[0], *arguments[1:], "-o", tmp_path / "map.gpkg", "--json")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["model"] is None
    assert (
        f"the network {model} is used with `--model` only: it has no scores on another sensor" in ran.stderr
    )


def test_tiles_leave_no_seam(data_dir: Path, tmp_path: Path) -> None:
    """A network's scores depend on what it sees; tiles that overlap by its halo differ by next to nothing."""
    import rasterio  # noqa: PLC0415

    maps = []
    for tile in (128, 512):
        ran = geoseg(
            "flood", data_dir / "change-s2" / "hongkong" / "before", "--model", "water-optical",
            "--tile", tile, "-o", tmp_path / f"{tile}.gpkg", "--raster", tmp_path / f"{tile}.tif",
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        with rasterio.open(tmp_path / f"{tile}.tif") as file:
            maps.append(file.read(1))
    one, two = maps
    assert (one == 1).sum() > 10_000
    assert np.mean(one != two) < 0.004
