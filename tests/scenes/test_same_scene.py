"""One scene that is given for two dates."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from affine import Affine

from geoseg.errors import SceneError
from geoseg.scenes import open_scene
from geoseg.scenes.same_scene import check_dates
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from tests.messages import Messages
from tests.products.ground import write_raster

BANDS = ("green", "nir", "swir16")
STAMP = "S2A_MSIL2A_20170105T013442_N0204_R031_T53NMJ_20170105T013443"


def scene(path: Path, seed: int = 0) -> Path:
    values = np.random.default_rng(seed).integers(200, 3000, (len(BANDS), 96, 96)).astype(np.uint16)
    return write_raster(path, values, descriptions=BANDS)


def copied(folder: Path) -> tuple[Path, Path]:
    first = scene(folder / "a.tif")
    return first, Path(shutil.copy(first, folder / "b.tif"))


def recoded(folder: Path) -> tuple[Path, Path]:
    """The same values as a file of another compression and type."""
    values = np.random.default_rng(0).integers(200, 3000, (3, 96, 96)).astype(np.uint16)
    first = write_raster(folder / "a.tif", values, descriptions=BANDS)
    return first, write_raster(folder / "b.tif", values, descriptions=BANDS, compress="deflate")


def one_time(folder: Path) -> tuple[Path, Path]:
    return scene(folder / f"{STAMP}_a.tif"), scene(folder / f"{STAMP}_b.tif", seed=1)


def two(folder: Path) -> tuple[Path, Path]:
    return scene(folder / "a.tif"), scene(folder / "b.tif", seed=1)


def same_day(folder: Path) -> tuple[Path, Path]:
    return scene(folder / "a_20170105.tif"), scene(folder / "b_20170105.tif", seed=1)


def constant(folder: Path) -> tuple[Path, Path]:
    """Pixels of one value prove nothing."""
    values = np.full((3, 96, 96), 700, np.uint16)
    return tuple(write_raster(folder / name, values, descriptions=BANDS) for name in ("a.tif", "b.tif"))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (copied, "have the same pixels"),
        (recoded, "have the same pixels"),
        (one_time, "acquired at the same time"),
        (two, ""),
        (same_day, ""),
        (constant, ""),
    ],
)
def test_two_dates_of_one_scene_are_warned_of(
    tmp_path: Path, messages: Messages, make: Callable[[Path], tuple[Path, Path]], words: str
) -> None:
    with ExitStack() as stack:
        opened = [
            stack.enter_context(open_scene(SceneSpec(paths=(str(path),)), sensors()))
            for path in make(tmp_path)
        ]
        messages.clear()
        check_dates(opened, "change needs")
    assert messages.codes == (["same-scene"] if words else [])
    assert words in " ".join(messages.warnings)


def test_bands_of_one_file_are_two_dates(tmp_path: Path) -> None:
    path = scene(tmp_path / "stack.tif")
    with ExitStack() as stack:
        opened = [
            stack.enter_context(
                open_scene(SceneSpec(paths=(str(path),), bands={"green": f"{path}:{index}"}), sensors())
            )
            for index in (1, 2)
        ]
        check_dates([item.select(("green",)) for item in opened], "change needs")
        with pytest.raises(SceneError, match="two dates"):
            check_dates([opened[0], opened[0]], "change needs")


@pytest.mark.parametrize(
    ("crs", "east", "apart"),
    [
        ("EPSG:32633", 0, False),
        ("EPSG:32633", 900, False),
        ("EPSG:32633", 5000, True),
        ("EPSG:32634", 0, True),
        ("", 5000, False),
    ],
)
def test_scenes_of_two_places_are_not_two_dates(crs: str, east: float, apart: bool, tmp_path: Path) -> None:
    values = np.random.default_rng(1).integers(200, 3000, (3, 96, 96)).astype(np.uint16)
    move = Affine(10, 0, 500_000 + east, 0, -10, 4_600_000)
    known = {"crs": crs, "transform": move} if crs else {"crs": None, "transform": Affine.identity()}
    first = write_raster(
        tmp_path / "a.tif",
        values,
        crs="EPSG:32633",
        transform=Affine(10, 0, 500_000, 0, -10, 4_600_000),
        descriptions=BANDS,
    )
    second = write_raster(tmp_path / "b.tif", values[::-1], descriptions=BANDS, **known)
    with ExitStack() as stack:
        scenes = [
            stack.enter_context(open_scene(SceneSpec(paths=(str(p),)), sensors())) for p in (first, second)
        ]
        if apart:
            with pytest.raises(SceneError, match="needs scenes of the same place"):
                check_dates(scenes, "change needs")
        else:
            check_dates(scenes, "change needs")
