"""Learning from two modalities: without the second one, features and maps are those of the first alone."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from geoseg.models.networks.segmentation import Segmenter, build  # noqa: E402
from geoseg.models.networks.two_modalities import TwoModalities, untracked  # noqa: E402

from geoseg.spec import NetworkSpec  # noqa: E402

KINDS: tuple[dict[str, Any], ...] = (
    {"architecture": "unet", "encoder": "tu-resnet10t", "depth": 3, "decoder_channels": [16, 8, 8]},
    {"architecture": "segformer", "encoder": "mit_b0"},
    {"architecture": "fpn", "encoder": "tu-resnet10t"},
    {"architecture": "linear", "encoder": "galileo-nano", "weights": "none"},
)
OPTICAL = ("blue", "green", "red")


def both(options: dict[str, Any]) -> tuple[Segmenter, TwoModalities]:
    torch.manual_seed(0)
    spec = NetworkSpec.model_validate(options)
    network, helper = (
        build(spec, bands=bands, classes=2, statistics=[(0, 1)] * len(bands), size=64)
        for bands in (("vv", "vh"), OPTICAL)
    )
    return network, TwoModalities(network, helper, 0.5)


def images(network: Segmenter) -> tuple[Any, Any]:
    body = network.encoder_network
    facts = 0 if body is None else body.encoder.facts
    return torch.randn(2, 2 + facts, 64, 64), torch.randn(2, 3, 64, 64)


@pytest.mark.parametrize("options", KINDS, ids=lambda options: str(options["architecture"]))
def test_a_hidden_modality_leaves_the_map_as_it_is(options: dict[str, Any]) -> None:
    network, learner = both(options)
    planes, helper = images(network)
    hidden, seen = torch.zeros(2, 1, 64, 64), torch.ones(2, 1, 64, 64)
    with torch.no_grad():
        network.eval()
        learner.eval()
        without = learner(network, planes, helper, hidden)
        with_it = learner(network, planes, helper, seen)
        expected = network(planes)
    assert torch.equal(without.alone, expected)
    assert torch.equal(without.joint, expected)
    assert (without.distance, without.confusion) == (0, 0)
    assert torch.equal(with_it.alone, expected)
    assert not torch.allclose(with_it.joint, expected)
    assert 0 < with_it.distance < 2
    assert with_it.confusion > 0


def test_equal_features_are_at_no_distance() -> None:
    """The same encoder for both modalities, on the same image: their shared features are equal."""
    network, _ = both(KINDS[0])
    learner = TwoModalities(network, network, 0.5).eval()
    network.eval()
    planes = torch.randn(1, 2, 64, 64)
    with torch.no_grad():
        found = learner(network, planes, planes, torch.ones(1, 1, 64, 64))
    assert abs(float(found.distance)) < 1e-5
    torch.testing.assert_close(found.joint, found.alone)


def test_what_is_hidden_in_part_counts_where_it_is_seen() -> None:
    network, learner = both(KINDS[0])
    network.eval()
    learner.eval()
    planes, helper = images(network)
    seen = torch.zeros(2, 1, 64, 64)
    seen[:1] = 1
    changed = helper.clone()
    changed[1] += 5
    with torch.no_grad():
        one, other = (learner(network, planes, image, seen) for image in (helper, changed))
    assert torch.equal(one.joint, other.joint)
    assert torch.equal(one.joint[1], one.alone[1])
    assert one.distance == other.distance
    assert one.confusion == other.confusion


def test_running_statistics_are_those_of_the_first_modality() -> None:
    network, learner = both(KINDS[0])
    planes, helper = images(network)
    reference, _ = both(KINDS[0])
    learner.train()
    network.train()
    reference.train()
    learner(network, planes, helper, torch.ones(2, 1, 64, 64))
    reference(planes)
    own, expected = network.state_dict(), reference.state_dict()
    for name in own:
        if "running" in name:
            assert torch.equal(own[name], expected[name]), name
    momenta = {norm.momentum for norm in network.modules() if isinstance(norm, torch.nn.BatchNorm2d)}
    with untracked(network):
        pass
    assert momenta == {norm.momentum for norm in network.modules() if isinstance(norm, torch.nn.BatchNorm2d)}
    assert 0.0 not in momenta


def test_both_encoders_learn() -> None:
    network, learner = both(KINDS[0])
    planes, helper = images(network)
    found = learner(network, planes, helper, torch.ones(2, 1, 64, 64))
    (found.joint.mean() + found.distance + found.confusion).backward()
    for module in (network.body.encoder, learner.encoder, learner.modality):
        assert any(
            weight.grad is not None and bool(weight.grad.abs().sum() > 0) for weight in module.parameters()
        )
