"""The shift between two dates: when it is undone without being asked, and when it is only told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.ndimage import shift as shifted

from geoseg.engine.image_pair import WORTH_UNDOING, Pair, coregistered
from geoseg.scenes import open_scene
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from tests.messages import listening

SIDE = 320
Image = NDArray[np.float64]
PairOf = Callable[[Image, Image], Pair]


def ground(seed: int) -> Image:
    """Reflectance of fields with edges."""
    rough = gaussian_filter(np.random.default_rng(seed).normal(size=(SIDE, SIDE)), 4)
    edges = np.where(gaussian_filter(np.sign(rough), 1.0) > 0, 0.35, 0.15)
    return np.asarray(edges + rough / rough.std() * 0.01)


@pytest.fixture
def pair_of(tmp_path: Path) -> Iterator[PairOf]:
    """Open two dates of one band."""
    with ExitStack() as stack:

        def opened(before: Image, after: Image) -> Pair:
            scenes = []
            for name, values in (("before", before), ("after", after)):
                path = tmp_path / f"{name}.tif"
                with rasterio.open(
                    path, "w", driver="GTiff", width=SIDE, height=SIDE, count=1, dtype="uint16", nodata=0,
                    crs="EPSG:32633", transform=Affine(10, 0, 500_000, 0, -10, 4_600_000),
                ) as file:  # fmt: skip
                    file.write(np.rint(values * 10_000).astype(np.uint16), 1)
                    file.descriptions = ("nir",)
                request = SceneSpec(paths=(str(path),), sensor="sentinel-2-l2a-harmonised")
                scenes.append(stack.enter_context(open_scene(request, sensors())))
            return Pair(before=scenes[0], after=scenes[1])

        yield opened


@pytest.mark.parametrize(
    ("rows", "cols", "undo", "moves"),
    [
        (0.6, -0.4, None, True),
        (0.6, -0.4, True, True),
        (0.6, -0.4, False, False),
        (5.0, 2.0, None, True),
        (0.1, 0.1, None, False),
        (0.1, 0.1, True, True),
    ],
)
def test_a_clear_shift_is_undone(
    pair_of: PairOf, rows: float, cols: float, undo: bool | None, moves: bool
) -> None:
    image = ground(1)
    noise = np.random.default_rng(2).normal(0, 0.004, image.shape)
    after = shifted(image, (rows, cols), order=3, mode="reflect") + noise
    with listening() as told:
        pair = coregistered(pair_of(image, after), undo)
    assert any(note.startswith("shift: ") for note in told.notes)
    assert ((pair.rows, pair.cols) != (0, 0)) is moves
    assert any("shift undone" in note for note in told.notes) is moves
    if moves:
        assert (pair.rows, pair.cols) == pytest.approx((rows, cols), abs=0.1)
        assert pair.measured is not None
        assert pair.measured.size < WORTH_UNDOING
    else:
        assert any("--coregister" in text for text in told.warnings) == (np.hypot(rows, cols) > 0.5)


def test_a_doubtful_shift_stays(pair_of: PairOf) -> None:
    """Half of the edges are those of another place, so that the correlation is weak."""
    first, other = ground(1), ground(9)
    after = 0.15 * shifted(first, (3.0, 0.0), order=1, mode="reflect") + 0.85 * other
    with listening() as told:
        pair = coregistered(pair_of(first, after))
    assert (pair.rows, pair.cols) == (0, 0)
    assert any("shift" in text for text in told.warnings)


def test_dates_without_common_edges_stay(pair_of: PairOf) -> None:
    with listening() as told:
        pair = coregistered(pair_of(ground(1), ground(2)))
    assert (pair.rows, pair.cols) == (0, 0)
    assert any("shift" in text for text in told.warnings)
