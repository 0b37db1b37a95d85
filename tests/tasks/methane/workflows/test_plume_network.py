"""A network that draws the plumes: it sees columns beside bands, and its masks are weighed like others."""

from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
import onnx
import pytest
import shapely
from onnx import TensorProto, helper, numpy_helper

from geoseg.bundles.find import write_bundle
from geoseg.errors import ModelError
from geoseg.run_record import RunRecord
from geoseg.spec import ClassSpec, ModelBand, ModelSpec, PlumeSpec, RunSpec, SceneSpec
from geoseg.tasks.methane.plume_map import map_plumes
from tests.messages import progress
from tests.plumes import EAST, NORTH, darken, ground, plume, write

CLASSES = (
    ClassSpec(value=0, label="background", colour="#000000"),
    ClassSpec(value=1, label="plume", colour="#ff0000"),
)


def _bundle(folder: Path, classes: tuple[ClassSpec, ...] = CLASSES) -> str:
    """A mean over 5 x 5 columns, above 3000 ppm·m where it is bright: a score of 1; else next to 0."""
    weight = np.zeros((1, 2, 5, 5), np.float32)
    weight[0, 0] = 8 / 25
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["image", "w", "b"], ["logit"], pads=[2, 2, 2, 2]),
            helper.make_node("Sigmoid", ["logit"], ["scores"]),
        ],
        "g",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 2, "h", "w2"])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 1, "h", "w2"])],
        [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(np.array([-24], np.float32), "b")],
    )
    folder.mkdir(parents=True)
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), folder / "model.onnx")
    spec = ModelSpec(
        name="plumes",
        task="methane",
        bands=(ModelBand(name="ch4", std=1000.0), ModelBand(name="swir16", mean=0.5, std=0.2)),
        units="reflectance",
        statistics_known=False,
        tile=64,
        overlap=16,
        activation="none",
        classes=classes,
        weights=folder / "model.onnx",
    )
    write_bundle(folder, spec)
    return str(folder)


def _map(folder: Path, model: str) -> tuple[RunRecord, geopandas.GeoDataFrame]:
    air_mass = 1 / np.cos(np.radians(30)) + 1
    day = write(folder / "day", darken(ground(2), plume(), air_mass))
    calm = write(folder / "calm", ground(1), "S2A_MSIL1C_20210626T065621")
    request = PlumeSpec(
        scene=SceneSpec(paths=(day,)),
        reference=(SceneSpec(paths=(calm,)),),
        run=RunSpec(output=folder / "map.gpkg", overwrite=True),
        sun_zenith=30,
        view_zenith=0,
        wind=3.0,
        model=model,
    )
    record = map_plumes(request, progress)
    assert isinstance(record, RunRecord)
    return record, geopandas.read_file(folder / "map.gpkg", layer="plume")


def test_its_masks_are_weighed(tmp_path: Path) -> None:
    record, found = _map(tmp_path, _bundle(tmp_path / "plumes"))
    assert record.model is not None
    assert record.model["name"] == "plumes"
    best = found.sort_values("ime_kg").iloc[-1]
    assert best.geometry.contains(shapely.Point(EAST + 20 * 106, NORTH - 20 * 150))
    assert best["class"] == 1
    assert best.rate_low < best.rate_kg_h < best.rate_high
    assert np.isnan(best.false_alarms)
    assert best.score_mean > 0.6


def test_more_classes_are_refused(tmp_path: Path) -> None:
    third = ClassSpec(value=2, label="shadow", colour="#00ff00")
    with pytest.raises(ModelError, match="has 3 classes"):
        _map(tmp_path, _bundle(tmp_path / "plumes", (*CLASSES, third)))
