"""Training on pairs of dates: crops that hold change, and networks that learn from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
pytest.importorskip("lightning", reason="the extra `train` is not installed")

from geoseg.learn.samples import IGNORE, DataSpec, find_samples, sample_windows  # noqa: E402
from geoseg.learn.train.bundle_export import export  # noqa: E402
from geoseg.learn.train.crops import Crops, Windows, random_crop  # noqa: E402
from geoseg.learn.train.training_module import SegmentationModule  # noqa: E402
from geoseg.learn.train.training_run import train  # noqa: E402
from geoseg.learn.train.training_spec import TrainSpec  # noqa: E402
from geoseg.spec import TWO_DATES  # noqa: E402
from tests.messages import progress  # noqa: E402
from tests.simulated import write_pairs  # noqa: E402

ENCODERS = {"bit": "tu-resnet10t", "changeformer": "tu-resnet10t", "changevit": "tu-test_vit"}
BANDS = ("green", "swir16", "after:green", "after:swir16")
CROP = 32


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> DataSpec:
    return write_pairs(tmp_path_factory.mktemp("pairs"))


def _spec(data: DataSpec, architecture: str = "fc-siam-diff", **loop: object) -> TrainSpec:
    encoder = {"encoder": ENCODERS[architecture]} if architecture in ENCODERS else {}
    return TrainSpec.model_validate(
        {
            "name": "drained",
            "task": "change",
            "data": data.model_dump(),
            "split": {"kind": "runs", "parts": 4, "val": ["1"]},
            "units": "reflectance",
            "bands": [{"name": name} for name in BANDS],
            "classes": [
                {"value": 0, "label": "no change", "colour": "#f2efe9"},
                {"value": 1, "label": "change", "colour": "#e6550d"},
            ],
            "tile": 64,
            "overlap": 16,
            "network": {"architecture": architecture, **encoder},
            "loss": {"class_weights": "balanced"},
            "loop": {"crop": CROP, "batch": 4, "accelerator": "cpu", **loop},
        }
    )


def _crops(spec: TrainSpec) -> Crops:
    windows = Windows(spec, BANDS)
    found = sample_windows(find_samples(spec.data), spec.data)
    return Crops(spec, windows, found, windows.training_statistics(found))


def _holds_change(crops: Crops, count: int) -> float:
    return float(np.mean([bool((crops[number][1] == 1).any()) for number in range(count)]))


def test_crops_are_cut_around_change(pairs: DataSpec) -> None:
    as_usual, half, always = (
        _holds_change(_crops(_spec(pairs, changed=share)), 200) for share in (0, 0.5, 1)
    )
    assert always == 1
    # Half of the crops hold change for sure, the others as often as usual; five standard errors.
    expected = 0.5 + 0.5 * as_usual
    assert as_usual < 0.6
    assert abs(half - expected) < 5 * np.sqrt(expected * (1 - expected) / 200)


def test_a_crop_depends_on_its_number_only(pairs: DataSpec) -> None:
    one, other = _crops(_spec(pairs, changed=0.5)), _crops(_spec(pairs, changed=0.5))
    other[3]
    for number in (0, 7):
        for found, expected in zip(one[number], other[number], strict=True):
            assert torch.equal(found, expected)
    assert not torch.equal(one[0][0], one[1][0])


def test_no_share_draws_what_was_always_drawn(pairs: DataSpec) -> None:
    """Windows without change, whatever the share: the same crops as with share 0."""
    labels = pairs.labels.model_copy(update={"codes": {1: 0}, "ignore": (0, 2)})
    unchanged = pairs.model_copy(update={"labels": labels})
    plain, asked = _crops(_spec(unchanged)), _crops(_spec(unchanged, changed=1.0))
    for number in range(3):
        assert torch.equal(plain[number][0], asked[number][0])


@pytest.mark.parametrize("side", [16, 120])
def test_a_cut_holds_its_pixel_anywhere(pairs: DataSpec, side: int) -> None:
    windows = Windows(_spec(pairs), BANDS)
    chip = windows.read(sample_windows(find_samples(pairs), pairs)[0])
    height, width = chip.label.shape
    chip.label[:] = 0
    for row, col in ((0, 0), (height - 1, width - 1), (40, 50)):
        chip.label[row, col] = 1
        seen = set()
        for seed in range(40):
            _, label = random_crop(chip, side, np.random.default_rng(seed), (row, col))
            assert (label == 1).sum() == 1
            assert ((label == IGNORE).any()) == (side > height)
            seen.add(tuple(np.argwhere(label == 1)[0]))
        assert len(seen) > 10 or (side < height and (row, col) != (40, 50))
        chip.label[row, col] = 0


@pytest.mark.parametrize("architecture", ["unet", *sorted(TWO_DATES)])
def test_five_steps_lower_the_loss(architecture: str, pairs: DataSpec) -> None:
    spec = _spec(pairs, architecture, changed=1.0, learning_rate=0.003)
    crops = _crops(spec)
    planes, label = (torch.stack(part) for part in zip(*(crops[i] for i in range(4)), strict=True))
    torch.manual_seed(0)
    module = SegmentationModule(spec, [(0.0, 1.0)] * 4, [0.97, 0.03]).train()
    for part in module.modules():
        if isinstance(part, torch.nn.Dropout2d):
            part.p = 0.0
    optimiser = torch.optim.AdamW(module.network.parameters(), lr=spec.loop.learning_rate)
    losses = []
    for _ in range(6):
        loss = module.loss(module.network(planes), label, None)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.9 * losses[0], losses
    assert all(part.grad is not None for part in module.network.parameters() if part.requires_grad)


def _trained(spec: TrainSpec, folder: Path) -> Any:
    trained = train(spec, folder / "run", progress)
    return trained, export(folder / "run", folder / "drained")


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["fc-siam-diff", "changevit"])
def test_from_pairs_to_a_bundle(architecture: str, pairs: DataSpec, tmp_path: Path) -> None:
    spec = _spec(
        pairs, architecture, changed=0.5, epochs=4, samples_per_epoch=32, learning_rate=0.004, keep="last"
    )
    trained, exported = _trained(spec, tmp_path)
    assert trained.score > 0.2
    assert exported.parity < 1e-4
    assert [band.name for band in exported.model.bands] == list(BANDS)
    assert exported.model.fixed_tile == (architecture == "changevit")


def test_crops_must_fit_the_network(pairs: DataSpec) -> None:
    assert _spec(pairs, "bit", crop=40).loop.crop == 40
    with pytest.raises(ValidationError, match=r"loop\.crop 40 is not a multiple of 16"):
        _spec(pairs, "fc-ef", crop=40)
