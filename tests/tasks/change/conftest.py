"""Fixtures of these tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from geoseg.run_record import RunRecord
from geoseg.spec import ChangeSpec, RunSpec, SceneSpec
from geoseg.tasks.change.change_map import map_change
from tests.messages import Messages, listening, progress
from tests.tasks.change.class_map_pairs import (
    Compare,
)
from tests.tasks.change.two_dates import (
    Cube,
    write,
)


@pytest.fixture
def compare(tmp_path: Path) -> Compare:
    """Map the change between two files."""

    def run(before: Path, after: Path, **options: object) -> tuple[RunRecord, Messages]:
        own = {name: options.pop(name) for name in list(options) if name in RunSpec.model_fields}
        outputs = {"output": tmp_path / "map.gpkg", "raster": tmp_path / "map.tif", "overwrite": True}
        spec = ChangeSpec.model_validate(
            {
                "before": SceneSpec(paths=(str(before),)),
                "after": SceneSpec(paths=(str(after),)),
                "run": {**outputs, **own},
                **options,
            }
        )
        with listening() as told:
            record = map_change(spec, progress)
        assert isinstance(record, RunRecord)
        return record, told

    return run


@pytest.fixture
def change(tmp_path: Path) -> Callable[..., tuple[RunRecord, Messages]]:
    """Map two cubes or files."""

    def run(before: Cube | str, after: Cube | str, **options: object) -> tuple[RunRecord, Messages]:
        paths = [
            item if isinstance(item, str) else write(tmp_path / f"{name}.tif", item)
            for name, item in (("before", before), ("after", after))
        ]
        own = {name: options.pop(name) for name in list(options) if name in RunSpec.model_fields}
        outputs = {"output": tmp_path / "map.gpkg", "raster": tmp_path / "map.tif", "overwrite": True}
        sensor = options.pop("sensor", "sentinel-2-l2a-harmonised")
        scenes = [SceneSpec.model_validate({"paths": (path,), "sensor": sensor}) for path in paths]
        spec = ChangeSpec.model_validate(
            {"before": scenes[0], "after": scenes[1], "run": {**outputs, **own}, **options}
        )
        with listening() as told:
            record = map_change(spec, progress)
        assert isinstance(record, RunRecord)
        return record, told

    return run
