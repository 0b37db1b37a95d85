"""Which maps are scored on their device, and that they are the same maps."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pyogrio
import pytest
import rasterio

from geoseg.catalog.bundles import find_model
from geoseg.catalog.presets import sensors
from geoseg.runtimes.network import NetworkSession
from geoseg.runtimes.tta import Flipped
from geoseg.scenes import open_scene
from geoseg.spec import RunSpec, SceneSpec
from geoseg.tasks.demo import write_scene
from geoseg.tasks.mapping import Ledger, make_map
from geoseg.tasks.on_device import device_sweep
from geoseg.tasks.recipe import NetworkRecipe
from geoseg.tasks.segment import network_recipe
from geoseg.tasks.simulate import BANDS, simulate
from tests.told import Told

pytest.importorskip("torch", reason="the extra `torch` is not installed")


def _recipe(folder: Path, run: RunSpec, stack: ExitStack) -> NetworkRecipe:
    """A network in torch on the CPU, which is taken for a GPU."""
    path = folder / "scene.tif"
    if not path.exists():
        write_scene(path, simulate(size=300).after, BANDS)
    model = find_model("water-optical")
    whole = stack.enter_context(open_scene(SceneSpec(paths=(str(path),)), sensors()))
    scene = whole.select(tuple(band.name for band in model.bands))
    recipe = network_recipe(model, scene, scene, run, Ledger(Told()))
    session = recipe.session
    assert isinstance(session, NetworkSession)
    graph = session.device_graph
    assert graph is not None
    return replace(recipe, on_device=(graph,))


def _run(folder: Path, name: str) -> RunSpec:
    return RunSpec(
        output=folder / f"{name}.gpkg",
        raster=folder / f"{name}.tif",
        tile=128,
        runtime="torch",
        device="cpu",
        precision="fp32",
        batch_size=2,
    )


def test_the_map_and_its_polygons_are_the_same(tmp_path: Path) -> None:
    records = []
    for name in ("host", "device"):
        run = _run(tmp_path, name)
        with ExitStack() as stack:
            recipe = _recipe(tmp_path, run, stack)
            if name == "host":
                recipe = replace(recipe, on_device=())
            records.append(make_map(recipe, run, {}, Ledger(Told())))
    rasters = [rasterio.open(tmp_path / f"{name}.tif").read(1) for name in ("host", "device")]
    assert (rasters[0] == rasters[1]).all()
    tables = [
        pyogrio.read_dataframe(tmp_path / f"{name}.gpkg", layer="segments") for name in ("host", "device")
    ]
    assert len(tables[0]) > 3
    assert (tables[0].geometry.area == tables[1].geometry.area).all()
    assert abs(tables[0].score_mean - tables[1].score_mean).max() < 1 / 255
    assert records[1].runtime["batches"] == [2]
    assert "batches" not in records[0].runtime
    seconds = records[1].runtime["scoring_seconds"]
    assert isinstance(seconds, float)
    assert seconds > 0


def test_what_works_on_the_hosts_arrays_stays_there(tmp_path: Path) -> None:
    run = _run(tmp_path, "map")
    with ExitStack() as stack:
        recipe = _recipe(tmp_path, run, stack)
        assert device_sweep(recipe, run) is not None
        assert device_sweep(replace(recipe, session=Flipped(recipe.session)), run) is None
        assert device_sweep(replace(recipe, on_device=()), run) is None
