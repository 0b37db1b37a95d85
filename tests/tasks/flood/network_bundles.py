"""Networks of one formula each with their evidence, scenes for them, and maps of both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine

from geoseg.bundles.find import write_bundle
from geoseg.methods.trivial_rules import water_rules
from geoseg.run_record import RunRecord
from geoseg.spec import (
    ClassSpec,
    Coverage,
    Evidence,
    FloodSpec,
    ModelBand,
    ModelSpec,
    RivalScore,
    RunSpec,
    SceneSpec,
    ScoredSet,
    Units,
)
from geoseg.tasks.flood.flood_map import map_flood
from geoseg.tasks.flood.reference_layers import References
from tests.messages import progress

onnx = pytest.importorskip("onnx")
SIDE = 96
CLASSES = (
    ClassSpec(value=0, label="background", colour="#f2efe9"),
    ClassSpec(value=1, label="water", colour="#2b8cff"),
)
ELSEWHERE = Coverage(sensors=("other",), regions=("other",), events=("other",))


def proof(
    bands: tuple[str, ...],
    *,
    units: Units = "reflectance",
    gain: tuple[float, float] = (0.1, 0.3),
    left_out: Coverage = ELSEWHERE,
) -> Evidence:
    """Evidence of scenes of other sensors, regions and events, beside all trivial rules and a method."""
    names = [*(rule.name for rule in water_rules(bands, db=units == "db")), "mndwi", "classical"]
    rivals = tuple(RivalScore(name=name, score=0.6 if name == "mndwi" else 0.5, gain=gain) for name in names)
    item = ScoredSet(
        name="simulated", units=units, left_out=left_out, folds=2, scenes=12, score=0.8, interval=(0.7, 0.9),
        rivals=rivals,
    )  # fmt: skip
    return Evidence(sets=(item,))


def bundle(
    folder: Path, bands: tuple[str, ...], mean: float = 0.1, *, planes: int = 1, **changes: Any
) -> Path:
    """A bundle whose score is 1 where the first band is above the last, else 0; of two planes the last."""
    helper, kinds = onnx.helper, onnx.TensorProto
    shape = ["batch", len(bands), "height", "width"]
    nodes = [
        helper.make_node("Gather", ["image", "first_band"], ["a"], axis=1),
        helper.make_node("Gather", ["image", "last_band"], ["b"], axis=1),
        helper.make_node("Greater", ["a", "b"], ["more"]),
        helper.make_node("Cast", ["more"], ["second"], to=kinds.FLOAT),
        helper.make_node("Not", ["more"], ["less"]),
        helper.make_node("Cast", ["less"], ["first"], to=kinds.FLOAT),
        helper.make_node("Concat", ["first", "second"][-planes:], ["scores"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "more",
        [helper.make_tensor_value_info("image", kinds.FLOAT, shape)],
        [helper.make_tensor_value_info("scores", kinds.FLOAT, ["batch", planes, "height", "width"])],
        [
            helper.make_tensor("first_band", kinds.INT64, [1], [0]),
            helper.make_tensor("last_band", kinds.INT64, [1], [len(bands) - 1]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    folder.mkdir(parents=True)
    onnx.save(model, str(folder / "model.onnx"))
    facts: dict[str, Any] = {
        "name": folder.name,
        "task": "flood",
        "bands": tuple(ModelBand(name=band, mean=mean, std=0.1) for band in bands),
        "units": "reflectance",
        "tile": 64,
        "overlap": 32,
        "activation": "none",
        "classes": CLASSES,
        "weights": folder / "model.onnx",
        "evidence": proof(bands),
        **changes,
    }
    write_bundle(folder, ModelSpec.model_validate(facts))
    return folder


def raster(path: Path, planes: dict[str, np.ndarray]) -> Path:
    height, width = next(iter(planes.values())).shape
    with rasterio.open(
        path, "w", driver="GTiff", width=width, height=height, count=len(planes), dtype="float32",
        crs="EPSG:32633", transform=Affine(10, 0, 5e5, 0, -10, 46e5),
    ) as file:  # fmt: skip
        file.write(np.stack(list(planes.values())).astype(np.float32))
        file.descriptions = tuple(planes)
    return path


def scene(tmp_path: Path) -> Path:
    """Bright green is water to the network; to MNDWI half of that is."""
    rng = np.random.default_rng(0)
    lake = np.zeros((SIDE, SIDE), bool)
    lake[20:60, 20:60] = True
    green = np.where(lake, 0.12, 0.06) + rng.normal(0, 0.003, lake.shape)
    swir = np.where(lake, 0.03, 0.1) + rng.normal(0, 0.003, lake.shape)
    return raster(tmp_path / "scene.tif", {"green": green, "swir16": swir})


def run(tmp_path: Path, path: Path | tuple[Path, ...], **options: Any) -> tuple[RunRecord, np.ndarray]:
    out = RunSpec(
        output=tmp_path / "map.gpkg",
        raster=tmp_path / "map.tif",
        overwrite=True,
        min_area=0.0,
        tile=options.pop("tile", None),
    )
    paths = path if isinstance(path, tuple) else (path,)
    spec = FloodSpec(
        scene=SceneSpec(paths=tuple(map(str, paths)), sensor=options.pop("sensor", None)), run=out, **options
    )
    record = map_flood(spec, progress)
    assert isinstance(record, RunRecord)
    with rasterio.open(tmp_path / "map.tif") as file:
        return record, file.read(1)


def known(*names: str) -> References:
    return References(names=names, layers=())


LIMITS = FloodSpec(
    scene=SceneSpec(paths=("a.tif",)), run=RunSpec(output=Path("a.gpkg")), max_hand=15, max_slope=5
)


def pair(tmp_path: Path, band: str) -> tuple[Path, Path]:
    rng = np.random.default_rng(1)
    before = rng.normal(-10, 1, (SIDE, SIDE))
    after = before - 1.5
    after[30:50, 30:70] -= 9
    return (
        raster(tmp_path / "after.tif", {band: after}),
        raster(tmp_path / "before.tif", {band: before}),
    )


def two_dates(zoo: Path, statistics: str = "scene") -> Path:
    """Flood is where the scene before, less its own level, is above the scene, less its own."""
    bands = ("before:vv", "vv")
    return bundle(zoo / "pair", bands, units="db", statistics=statistics, evidence=proof(bands, units="db"))
