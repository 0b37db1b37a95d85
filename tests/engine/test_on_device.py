"""Which maps are scored on their device, and that they are the same maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import rasterio

from geoseg.bundles.find import find_model
from geoseg.demo.flood_demo import write_scene
from geoseg.demo.simulated_flood import BANDS, simulate
from geoseg.engine.network_on_scene import network_recipe
from geoseg.engine.on_device import device_sweep
from geoseg.engine.recipe import Recipe
from geoseg.run_record import RunRecord
from geoseg.runtimes import choose
from geoseg.runtimes.graph import LoadRequest, Precision, RuntimeStatus
from geoseg.runtimes.network_session import NetworkSession, OpenedSession
from geoseg.runtimes.precision import open_in_precision
from geoseg.scenes import open_scene
from geoseg.spec import ChangeSpec, FloodSpec, RunSpec, SceneSpec, SegmentSpec
from geoseg.spec.presets import sensors
from geoseg.tasks.change.change_map import map_change
from geoseg.tasks.flood.flood_map import map_flood
from geoseg.tasks.segment.segmentation_map import map_segments
from tests.messages import progress
from tests.sessions import Opaque
from tests.tasks.flood.network_bundles import SIDE, bundle, raster

pytest.importorskip("torch", reason="the extra `torch` is not installed")


def _run(folder: Path, name: str, **options: Any) -> RunSpec:
    return RunSpec(
        output=folder / f"{name}.gpkg",
        raster=folder / f"{name}.tif",
        tile=128,
        runtime="onnxruntime",
        device="cpu",
        precision="fp32",
        batch_size=2,
        min_area=0,
        **options,
    )


def _optical(folder: Path) -> tuple[SceneSpec, SceneSpec]:
    """Two dates of a flood."""
    made = simulate(size=300)
    for name, data in (("before", made.before), ("after", made.after)):
        if not (folder / f"{name}.tif").exists():
            write_scene(folder / f"{name}.tif", data, BANDS)
    before, after = (SceneSpec(paths=(str(folder / f"{name}.tif"),)) for name in ("before", "after"))
    return before, after


def _radar(folder: Path) -> dict[str, Any]:
    """A pair of radar scenes with a river and a flood, and the network for it."""
    rng = np.random.default_rng(0)
    river, flood = np.zeros((2, SIDE, SIDE), np.bool_)
    river[:, SIDE // 8 : SIDE // 8 + 8] = True
    flood[SIDE // 4 : SIDE // 2, SIDE // 4 : 3 * SIDE // 4] = True
    paths = []
    for name, water in (("after", river | flood), ("before", river)):
        backscatter = np.where(water, -20, -9) + rng.normal(0, 1.5, (SIDE, SIDE))
        paths.append(raster(folder / f"{name}.tif", {"vv": backscatter.astype(np.float32)}))
    after, before = (SceneSpec(paths=(str(path),), sensor="sentinel-1") for path in paths)
    return {"scene": after, "before": (before,), "model": "flood-sar-pair"}


def _segments(folder: Path, run: RunSpec) -> Any:
    return map_segments(SegmentSpec(scene=_optical(folder)[1], run=run, model="water-optical"), progress)


def _flood(folder: Path, run: RunSpec) -> Any:
    return map_flood(FloodSpec(run=run.model_copy(update={"tile": 64}), **_radar(folder)), progress)


def _flood_beside_layers(folder: Path, run: RunSpec) -> Any:
    given = _radar(folder)
    half = np.arange(SIDE * SIDE).reshape(SIDE, SIDE) < 40 * SIDE
    known = raster(folder / "known.tif", {"water": half})
    hand = raster(folder / "hand.tif", {"hand": np.where(half.T, 5.0, 50.0)})
    given |= {"permanent_water": known, "hand": hand}
    return map_flood(FloodSpec(run=run.model_copy(update={"tile": 64}), **given), progress)


def _change_of_maps(folder: Path, run: RunSpec) -> Any:
    before, after = _optical(folder)
    return map_change(ChangeSpec(before=before, after=after, run=run, model="water-optical"), progress)


def _change_at_once(folder: Path, run: RunSpec) -> Any:
    before, after = _optical(folder)
    model = folder / "models" / "drier"
    if not model.exists():
        bundle(model, ("swir16", "after:swir16"), task="change", mean=0.2)
    return map_change(ChangeSpec(before=before, after=after, run=run, model=str(model)), progress)


@pytest.mark.parametrize(
    ("make", "layer", "tta"),
    [
        (_segments, "segments", False),
        (_segments, "segments", True),
        (_flood, "flood", False),
        (_flood_beside_layers, "flood", True),
        (_change_of_maps, "change", False),
        (_change_of_maps, "change", True),
        (_change_at_once, "change", False),
    ],
)
def test_the_map_and_its_polygons_are_the_same(
    make: Callable[[Path, RunSpec], RunRecord],
    layer: str,
    tta: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A network on the CPU, which is then taken for a GPU."""
    records = [make(tmp_path, _run(tmp_path, "host", tta=tta))]
    open_on_host = open_in_precision

    def open_on_device(
        request: LoadRequest, status: RuntimeStatus, precision: str, lower: Sequence[Precision]
    ) -> OpenedSession:
        opened = open_on_host(request, status, precision, lower)
        assert opened.session.device_graph is not None
        return replace(opened, on_device=(opened.session.device_graph,))

    monkeypatch.setattr(choose, "open_in_precision", open_on_device)
    records.append(make(tmp_path, _run(tmp_path, "device", tta=tta)))
    rasters = [rasterio.open(tmp_path / f"{name}.tif").read(1) for name in ("host", "device")]
    assert len(np.unique(rasters[0])) > 1
    assert (rasters[0] == rasters[1]).all()
    tables = [pyogrio.read_dataframe(tmp_path / f"{name}.gpkg", layer=layer) for name in ("host", "device")]
    assert len(tables[0]) > 0
    assert (tables[0].geometry.area == tables[1].geometry.area).all()
    assert abs(tables[0].score_mean - tables[1].score_mean).max() < 1 / 255
    assert records[0].tables == records[1].tables
    assert records[0].method == records[1].method
    assert records[1].runtime["batches"] == [2]
    assert "batches" not in records[0].runtime
    seconds = records[1].runtime["scoring_seconds"]
    assert isinstance(seconds, float)
    assert seconds > 0


def _recipe(folder: Path, run: RunSpec, stack: ExitStack) -> Recipe:
    """A network on the CPU, which is taken for a GPU."""
    model = find_model("water-optical")
    whole = stack.enter_context(open_scene(_optical(folder)[1], sensors()))
    scene = whole.select(tuple(band.name for band in model.bands))
    recipe = network_recipe(model, scene, scene, run)
    assert isinstance(recipe.session, NetworkSession)
    graph = recipe.session.device_graph
    assert graph is not None
    return replace(recipe, on_device=(graph,))


def test_what_works_on_the_hosts_arrays_stays_there(tmp_path: Path) -> None:
    run = _run(tmp_path, "map")
    with ExitStack() as stack:
        recipe = _recipe(tmp_path, run, stack)
        assert device_sweep(recipe, run) is not None
        assert device_sweep(replace(recipe, on_device=()), run) is None
        unknown = replace(recipe, session=Opaque(recipe.session))
        assert device_sweep(unknown, run) is None, "what it does with scores is not known"
