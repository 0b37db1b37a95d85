"""Scoring: the same strips whatever the tiles of a method, batches and column bands; errors come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from numpy.typing import NDArray
from pydantic import JsonValue

from geoseg.engine.blend import Blend
from geoseg.engine.plan import column_bands
from geoseg.engine.preview import Preview
from geoseg.engine.recipe import Recipe
from geoseg.engine.scoring import Job, job_of, score
from geoseg.errors import SceneReadError
from geoseg.grid import Grid, Window
from geoseg.pixels import NODATA_CLASS, Pixels, Strip
from geoseg.run_record import Progress, no_progress
from geoseg.spec import ClassSpec, RunSpec
from geoseg.tile_grid import TileGrid

Scores = NDArray[np.float32]


class ArraySource:
    """A scene in memory: one band, NaN where not observed; counts the rows it was asked for."""

    name = "array"
    band_names = ("green",)

    def __init__(self, data: Scores, broken_row: int | None = None) -> None:
        self.data = data
        self.grid = Grid(crs=None, transform=Affine.identity(), height=data.shape[0], width=data.shape[1])
        self.rows_read = np.zeros(data.shape[0], int)
        self._broken_row = broken_row

    def read(self, window: Window, bands: Sequence[str]) -> Pixels:
        inside = window.intersect(self.grid.window)
        if self._broken_row is not None and inside.row <= self._broken_row < inside.stop_row:
            raise SceneReadError("array: row is damaged")
        out = np.full((1, window.height, window.width), np.nan, np.float32)
        if not inside.empty:
            out[0][inside.slices(window)] = self.data[inside.slices(self.grid.window)]
        self.rows_read[inside.row : inside.stop_row] += 1
        valid = np.isfinite(out[0])
        return Pixels(window=window, bands=tuple(bands), data=out, valid=valid, scale=(1.0,), offset=(0.0,))

    def cache_bytes(self, bands: Sequence[str]) -> int:
        return 0

    def describe(self) -> dict[str, JsonValue]:
        return {}


class Neighbourhood:
    """A method that looks one pixel around: the greatest of the four neighbours and the pixel itself."""

    planes = 1
    description = "greatest neighbour"

    def __init__(self, batch: int = 1) -> None:
        self.batch = batch
        self.batches: list[int] = []

    def __call__(self, batch: Scores) -> Scores:
        self.batches.append(len(batch))
        seen = np.nan_to_num(batch[:, :1], nan=0)
        padded = np.pad(seen, ((0, 0), (0, 0), (1, 1), (1, 1)))
        shifts = ((1, 1), (0, 1), (2, 1), (1, 0), (1, 2))
        height, width = seen.shape[2:]
        views = [padded[:, :, row : row + height, col : col + width] for row, col in shifts]
        out: Scores = np.max(views, axis=0)
        return out

    def close(self) -> None:
        pass


def _scene(height: int = 83, width: int = 131) -> Scores:
    rng = np.random.default_rng(3)
    data = rng.random((height, width), np.float32)
    data[rng.random(data.shape) < 0.05] = np.nan
    data[:40, 60:] = np.nan
    return data


def _recipe(
    source: ArraySource, session: Neighbourhood, *, blend: Blend = "crop", threshold: float = 0.5
) -> Recipe:
    return Recipe(
        task="test",
        layer="test",
        classes=(
            ClassSpec(value=0, label="land", colour="#000000"),
            ClassSpec(value=1, label="water", colour="#0000ff"),
        ),
        source=source,
        bands=("green",),
        session=session,
        prepare=Pixels.physical,
        blend=blend,
        tile=16,
        overlap=2,
        threshold=threshold,
    )


def _map(
    source: ArraySource,
    session: Neighbourhood,
    folder: Path,
    *,
    size: int,
    overlap: int = 2,
    blend: Blend = "crop",
    widest: int | None = None,
    progress: Progress = no_progress,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], Preview]:
    tiles = TileGrid(grid=source.grid, size=size, overlap=overlap, fitted=4 if blend == "linear" else 0)
    ranges = column_bands(tiles, bands=1, itemsize=4, planes=1, limit_mib=None)
    if widest is not None:
        ranges = [range(c, min(c + widest, tiles.cols)) for c in range(0, tiles.cols, widest)]
    recipe = _recipe(source, session, blend=blend, threshold=0.9)
    job = Job(recipe=recipe, tiles=tiles, column_bands=tuple(ranges), scratch=folder)
    strips: list[Strip] = []
    preview = Preview(source.grid, ("green",), longest=40)
    score(job, strips.append, preview, progress)
    rows = [strip.row for strip in strips]
    assert rows == sorted(rows)
    assert [strip.stop_row for strip in strips] == [*rows[1:], source.grid.height]
    return (
        np.concatenate([strip.classes for strip in strips]),
        np.concatenate([strip.scores for strip in strips]),
        preview,
    )


def _expected(data: Scores) -> NDArray[np.uint8]:
    scores = Neighbourhood()(data[np.newaxis, np.newaxis])[0, 0]
    classes: NDArray[np.uint8] = (scores > np.float32(0.9)).astype(np.uint8)
    classes[np.isnan(data)] = NODATA_CLASS
    return classes


@pytest.mark.parametrize("size", [16, 33, 64, 300])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("widest", [None, 2])
def test_a_method_does_not_see_the_tiles(tmp_path: Path, size: int, batch: int, widest: int | None) -> None:
    data = _scene()
    session = Neighbourhood(batch)
    classes, scores, _ = _map(ArraySource(data), session, tmp_path, size=size, widest=widest)
    assert np.array_equal(classes, _expected(data))
    assert (scores[classes == NODATA_CLASS] == 0).all()
    assert max(session.batches) <= batch
    assert not list(tmp_path.iterdir())


def test_column_bands_blend_to_the_same_bits(tmp_path: Path) -> None:
    data = _scene()
    whole = _map(ArraySource(data), Neighbourhood(), tmp_path, size=32, overlap=8, blend="linear")
    bands = _map(ArraySource(data), Neighbourhood(), tmp_path, size=32, overlap=8, blend="linear", widest=2)
    assert np.array_equal(whole[0], bands[0])
    assert np.array_equal(whole[1], bands[1])
    assert np.array_equal(whole[2].classes, bands[2].classes)
    assert np.array_equal(whole[2].pixels, bands[2].pixels, equal_nan=True)


def test_each_row_is_read_once_and_empty_tiles_are_not_scored(tmp_path: Path) -> None:
    source = ArraySource(_scene())
    session = Neighbourhood()
    _map(source, session, tmp_path, size=16, overlap=2)
    assert (source.rows_read == 1).all()
    tiles = TileGrid(grid=source.grid, size=16, overlap=2)
    assert 0 < len(session.batches) < len(tiles)


def test_preview_samples_what_was_mapped(tmp_path: Path) -> None:
    data = _scene()
    classes, _, preview = _map(ArraySource(data), Neighbourhood(), tmp_path, size=16)
    assert preview.step == 4
    assert np.array_equal(preview.classes, classes[::4, ::4])
    assert np.array_equal(preview.pixels[0], data[::4, ::4], equal_nan=True)


def test_progress_reaches_the_end(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []

    def progress(done: int, total: int, unit: str) -> None:
        steps.append((done, total))

    _map(ArraySource(_scene()), Neighbourhood(), tmp_path, size=16, progress=progress)
    assert steps[-1][0] == steps[-1][1]


def test_a_damaged_row_is_told_and_nothing_hangs(tmp_path: Path) -> None:
    with pytest.raises(SceneReadError, match="row is damaged"):
        _map(ArraySource(_scene(), broken_row=50), Neighbourhood(), tmp_path, size=16)


def test_an_error_of_the_consumer_comes_out(tmp_path: Path) -> None:
    source = ArraySource(_scene())
    tiles = TileGrid(grid=source.grid, size=16, overlap=2)
    recipe = _recipe(source, Neighbourhood())
    job = Job(recipe=recipe, tiles=tiles, column_bands=(range(tiles.cols),), scratch=tmp_path)

    def refuse(strip: Strip) -> None:
        raise OSError(f"no room for row {strip.row}")

    with pytest.raises(OSError, match="no room for row 0"):
        score(job, refuse, Preview(source.grid, ("green",)), no_progress)


@pytest.mark.parametrize(("given", "of_method", "of_network"), [(None, 8, 8), (2, 8, 8), (16, 8, 16)])
def test_an_overlap_is_never_less_than_what_is_needed(
    tmp_path: Path, given: int | None, of_method: int, of_network: int
) -> None:
    run = RunSpec(output=tmp_path / "map.gpkg", overlap=given)
    method = replace(_recipe(ArraySource(_scene()), Neighbourhood()), overlap=8, tile=64)
    network = replace(method, model={"name": "cropped"})
    found = [job_of(recipe, run, tmp_path).tiles.overlap for recipe in (method, network)]
    assert found == [of_method, of_network]
