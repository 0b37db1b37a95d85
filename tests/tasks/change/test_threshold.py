"""Thresholds of a comparison: hysteresis by default for plain MAD, and as the user asks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from geoseg.errors import UsageError
from geoseg.methods.change_statistics import robust_spread
from geoseg.spec import ChangeSpec, RunSpec, SceneSpec
from geoseg.tasks.change.choose import Comparison
from geoseg.tasks.change.methods import change_methods
from geoseg.tasks.change.methods.mad import GROWTH, MadChange
from geoseg.tasks.change.session import score_of
from geoseg.tasks.change.threshold import SEED_SCORE, with_threshold
from tests.messages import Messages

BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")
VALUES = np.abs(np.random.default_rng(1).normal(2.0, 0.7, 20_000)).astype(np.float32)


def spec(**options: object) -> ChangeSpec:
    scenes = {name: SceneSpec(paths=(name,)) for name in ("before", "after")}
    return ChangeSpec.model_validate({**scenes, "run": RunSpec(output=Path("c.gpkg")), **options})


def fitted(**options: object) -> Comparison:
    method = change_methods()[str(options.get("method", "mad"))]
    comparison = Comparison(method=method, bands=BANDS, compared=BANDS)
    return with_threshold(comparison, spec(**options), VALUES, {"reflectance"})


def test_a_threshold_that_no_pixel_reaches(messages: Messages) -> None:
    greatest = float(VALUES.max())
    fitted(threshold=1.9 * greatest)
    assert not messages.warnings
    fitted(threshold=2.1 * greatest)
    assert [text for text in messages.warnings if "nothing is mapped as change" in text]


def test_plain_mad_grows_from_seeds() -> None:
    spread = robust_spread(VALUES)
    base = spread.mean + 4 * spread.std
    comparison = fitted()
    assert comparison.threshold == pytest.approx(GROWTH.grow * base)
    assert comparison.seed == pytest.approx(GROWTH.seed * base)


@pytest.mark.parametrize(
    ("options", "threshold", "seed"),
    [
        ({"threshold": 4.0}, 4.0, None),
        ({"threshold": 4.0, "seed_threshold": 6.0}, 4.0, 6.0),
        ({"thresholding": "chi2"}, None, None),
        ({"thresholding": "chi2", "seed_threshold": 7.0}, None, 7.0),
        ({"seed_threshold": 0.0}, None, None),
        ({"seed_threshold": 9.0}, None, 9.0),
        ({"method": "irmad"}, None, None),
        ({"method": "irmad", "seed_threshold": 8.0}, None, 8.0),
        ({"method": "cva"}, None, None),
    ],
)
def test_seeds_as_asked(options: dict[str, object], threshold: float | None, seed: float | None) -> None:
    comparison = fitted(**options)
    assert comparison.seed == seed
    if threshold is not None:
        assert comparison.threshold == threshold


def test_a_seed_below_the_threshold_is_refused() -> None:
    with pytest.raises(UsageError, match="`--seed-threshold 3` is below the threshold 4"):
        fitted(threshold=4.0, seed_threshold=3.0)


def test_change_that_is_clear_by_itself_needs_no_seeds() -> None:
    mad = change_methods()["mad"]
    assert isinstance(mad, MadChange)
    assert replace(mad, unbounded=True).growth is None


@pytest.mark.parametrize("seed", [4.2, 6.0, 11.7, 400.0])
def test_a_pixel_is_a_seed_exactly_from_the_seed_on(seed: float) -> None:
    """As far as scores of 255 steps tell."""
    comparison = fitted(threshold=4.0, seed_threshold=seed)
    values = np.array([[4.0, np.nextafter(np.float32(4), np.float32(9)), seed * 1.01, seed * 3]], np.float32)
    scores = np.floor(score_of(values, comparison) * 255 + 0.5)
    least = np.floor(SEED_SCORE * 255 + 0.5)
    assert (scores >= least).tolist() == [[False, False, True, True]]
