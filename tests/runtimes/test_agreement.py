"""Agreement counts pixels, and rare classes too."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from geoseg.runtimes.agreement import compare, compare_features

MAPS = arrays(np.uint8, (2, 8, 8), elements=st.integers(0, 2))


@given(MAPS, MAPS)
def test_share_of_equal_pixels(reference: np.ndarray, candidate: np.ndarray) -> None:
    assert compare(reference, candidate).equal == np.mean(reference == candidate)
    assert compare(reference, reference).enough


def test_a_rare_class_must_survive() -> None:
    reference = np.zeros((1, 400, 400), np.uint8)
    reference[0, :20, :20] = 1
    candidate = np.zeros_like(reference)
    found = compare(reference, candidate)
    assert found.equal > 0.995
    assert not found.enough
    assert "only 0.0% IoU for one class" in str(found)


def test_a_class_that_only_the_candidate_sees() -> None:
    reference = np.zeros((1, 100, 100), np.uint8)
    candidate = reference.copy()
    candidate[0, :10] = 1
    assert not compare(reference, candidate).enough


def test_shares_are_rounded_down() -> None:
    reference = np.zeros((1, 1000, 1000), np.uint8)
    candidate = reference.copy()
    candidate[0, 0, 0] = 1
    assert str(compare(reference, candidate)).startswith("99.999 %")


def test_features_agree_by_the_direction_of_their_vectors() -> None:
    rng = np.random.default_rng(0)
    exact = rng.normal(size=(2, 128, 8, 8)).astype(np.float32)
    half = exact.astype(np.float16).astype(np.float32)
    assert compare_features(exact, half).enough
    turned = half.copy()
    turned[0, :, :2] += 0.2 * rng.normal(size=(128, 2, 8))
    assert compare_features(exact, turned).equal == 1 - 16 / 128
    assert not compare_features(exact, turned).enough
