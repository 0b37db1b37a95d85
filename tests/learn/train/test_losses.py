"""Losses against values worked out by hand, and what does not count."""

from __future__ import annotations

import math
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from geoseg.learn.samples import IGNORE  # noqa: E402
from geoseg.learn.train.losses import Loss, as_classes, balanced, trust  # noqa: E402
from geoseg.learn.train.training_spec import LossSpec  # noqa: E402

LABEL = torch.tensor([[[0, 1], [1, IGNORE]]])
ONE_PLANE = torch.tensor([[[[-2.0, 1.0], [0.5, 9.0]]]])


def value(spec: LossSpec, logits: Any, label: Any = LABEL) -> float:
    return float(Loss(spec, [0.5] * max(2, logits.shape[1]))(logits, label, None))


def test_one_plane_is_softmax_with_zero() -> None:
    two = as_classes(ONE_PLANE)
    torch.testing.assert_close(torch.softmax(two, 1)[:, 1:], torch.sigmoid(ONE_PLANE))


def test_cross_entropy_of_labelled_pixels_only() -> None:
    expected = (math.log1p(math.exp(-2)) + math.log1p(math.exp(-1)) + math.log1p(math.exp(-0.5))) / 3
    assert value(LossSpec(), ONE_PLANE) == pytest.approx(expected, rel=1e-6)


def test_class_weights_scale_their_class() -> None:
    spec = LossSpec(class_weights=(1.0, 3.0))
    weights = 0.5, 1.5
    each = math.log1p(math.exp(-2)), math.log1p(math.exp(-1)), math.log1p(math.exp(-0.5))
    expected = (weights[0] * each[0] + weights[1] * (each[1] + each[2])) / 3
    assert value(spec, ONE_PLANE) == pytest.approx(expected, rel=1e-6)


def test_class_weights_scale_focal_loss() -> None:
    """One plane: change weighs three times as much, and what is sure next to nothing."""
    spec = LossSpec(cross_entropy=0.0, focal=1.0, class_weights=(1.0, 3.0))
    right = 1 / (1 + math.exp(-2)), 1 / (1 + math.exp(-1)), 1 / (1 + math.exp(-0.5))
    each = [-((1 - p) ** 2) * math.log(p) for p in right]
    expected = (0.5 * each[0] + 1.5 * (each[1] + each[2])) / 3
    assert value(spec, ONE_PLANE) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", ["cross_entropy", "focal"])
def test_balanced_weights_are_those_of_the_shares(name: str) -> None:
    spec = LossSpec.model_validate({"cross_entropy": 0.0, name: 1.0, "class_weights": "balanced"})
    found = float(Loss(spec, [0.96, 0.04])(ONE_PLANE, LABEL, None))
    by_hand = spec.model_copy(update={"class_weights": (0.96**-0.5, 0.04**-0.5)})
    assert found == pytest.approx(value(by_hand, ONE_PLANE), rel=1e-5)
    rare = torch.where(LABEL == 1, -1.0, -8.0)[:, None]
    assert found != pytest.approx(value(spec.model_copy(update={"class_weights": None}), ONE_PLANE))
    assert float(Loss(spec, [0.96, 0.04])(rare, LABEL, None)) > value(
        spec.model_copy(update={"class_weights": None}), rare
    )


def test_a_class_that_never_occurs_leaves_the_others_their_weight() -> None:
    weights = balanced(torch.tensor([0.8, 0.2, 0.0]))
    assert float(weights[:2].mean()) == pytest.approx(1)
    assert float(weights[1] / weights[0]) == pytest.approx(2)
    assert float(weights[2]) == 1


@pytest.mark.parametrize("name", ["cross_entropy", "focal", "dice", "lovasz"])
def test_right_costs_less_than_wrong_and_ignored_costs_nothing(name: str) -> None:
    spec = LossSpec.model_validate({"cross_entropy": 0.0, name: 1.0})
    right = torch.where(LABEL == 1, 8.0, -8.0)[:, None]
    assert value(spec, right) < 0.05 < value(spec, -right)
    other = right.clone()
    other[..., 1, 1] *= -1
    assert value(spec, other) == pytest.approx(value(spec, right), abs=1e-6)


@pytest.mark.parametrize("name", ["cross_entropy", "focal", "dice", "lovasz"])
def test_three_classes(name: str) -> None:
    spec = LossSpec.model_validate({"cross_entropy": 0.0, name: 1.0})
    label = torch.tensor([[[0, 1, 2, IGNORE]]])
    right = torch.nn.functional.one_hot(label.clamp(max=2), 3).permute(0, 3, 1, 2).float() * 12
    assert value(spec, right, label) < 0.05 < value(spec, -right, label)


def test_a_batch_without_labels_teaches_nothing() -> None:
    logits = ONE_PLANE.clone().requires_grad_()
    loss = Loss(LossSpec(dice=1.0), [0.5, 0.5])(logits, torch.full_like(LABEL, IGNORE), None)
    loss.backward()
    assert float(loss.detach()) == 0
    assert float(logits.grad.abs().sum()) == 0


def test_labels_against_a_sure_prior_weigh_less() -> None:
    label = torch.tensor([[[1, 1, 0, 1]]])
    prior = torch.tensor([[[[8.0, -8.0, -8.0, 0.0]]]])
    weights = trust(label, prior, 0.8)[0, 0]
    torch.testing.assert_close(weights, torch.tensor([1.0, 0.2, 1.0, 1.0]), atol=1e-3, rtol=0)
    assert bool((trust(label, prior, 0.0) == 1).all())
