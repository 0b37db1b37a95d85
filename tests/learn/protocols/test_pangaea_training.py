"""The training of PANGAEA: order of images, learning rate, and an encoder that stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
pytest.importorskip("lightning", reason="the extra `train` is not installed")

from geoseg.learn.protocols.pangaea import pangaea_jobs, read_pangaea_config  # noqa: E402
from geoseg.learn.protocols.pangaea_training import (  # noqa: E402
    CropOfEach,
    PangaeaModule,
    ShuffledSampler,
    train_frozen,
)
from geoseg.learn.protocols.run_jobs import score  # noqa: E402
from geoseg.learn.train.crops import Windows  # noqa: E402
from geoseg.run_record import no_progress  # noqa: E402
from tests.simulated import CONFIG, write_set  # noqa: E402

SMALL = {"network.decoder_channels": [8], "loop.epochs": 2, "loop.crop": 64}
PLAIN = ((0.0, 1.0), (0.0, 1.0))


def test_each_image_is_seen_once_in_an_epoch() -> None:
    sampler = ShuffledSampler(5, seed=1)
    first, second = list(sampler), list(sampler)
    assert sorted(first) == [0, 1, 2, 3, 4]
    assert sorted(second) == [5, 6, 7, 8, 9]
    assert [number % 5 for number in first] != [number % 5 for number in second]
    again = ShuffledSampler(5, seed=1)
    again.set_epoch(1)
    assert list(again) == second


@pytest.fixture
def config(tmp_path: Path) -> Path:
    write_set(tmp_path / "lakes", chips=8)
    path = tmp_path / "made.yaml"
    path.write_text(CONFIG.format(root=tmp_path / "lakes"))
    return path


def test_a_frozen_encoder_stays_as_it_is(config: Path, tmp_path: Path) -> None:
    """Its weights, and the statistics of its batch normalisation, which training mode would move."""
    (job,) = pangaea_jobs(read_pangaea_config(str(config), None, SMALL), "lakes", (100,), 1)
    done = train_frozen(job, tmp_path / "run", no_progress)
    assert done.score is not None
    assert (done.train, done.val) == (4, 2)
    states = [
        torch.load(tmp_path / "run" / "checkpoints" / f"{name}.ckpt", weights_only=True)["state_dict"]
        for name in ("best", "last")
    ]
    torch.manual_seed(job.spec.loop.seed)
    import lightning  # noqa: PLC0415

    lightning.seed_everything(job.spec.loop.seed, workers=True, verbose=False)
    fresh = PangaeaModule(job.spec, PLAIN, [0.5, 0.5]).state_dict()
    encoder = [name for name in fresh if name.startswith("network.body.encoder.")]
    assert any("running_mean" in name for name in encoder)
    for state in states:
        assert all(torch.equal(state[name], fresh[name]) for name in encoder)
    assert any(not torch.equal(states[1][name], fresh[name]) for name in fresh if name not in encoder)


def test_the_learning_rate_falls_twice(config: Path) -> None:
    spec = read_pangaea_config(str(config), None, SMALL)
    module = PangaeaModule(spec, PLAIN, [0.5, 0.5])
    module.trainer = type("Steps", (), {"estimated_stepping_batches": 20})()
    made = module.configure_optimizers()
    optimiser, schedule = made["optimizer"], made["lr_scheduler"]["scheduler"]
    rates = []
    for _ in range(20):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    assert rates == pytest.approx([1e-4] * 12 + [1e-5] * 6 + [1e-6] * 2)
    assert optimiser.param_groups[0]["weight_decay"] == 0.05


def test_crops_are_random_squares_of_their_image(config: Path) -> None:
    spec = read_pangaea_config(str(config), None, SMALL)
    (job,) = pangaea_jobs(spec, "lakes", (10,), 1)
    windows = Windows(spec, ["green", "swir16"])
    crops = CropOfEach(spec, windows, job.training[:1], PLAIN)
    assert crops.per_epoch == 2  # batch normalisation needs two
    (one, label), (two, _) = crops[0], crops[1]
    assert one.shape == (2, 64, 64)
    assert label.shape == (64, 64)
    assert not torch.equal(one, two)
    whole = torch.from_numpy(windows.read(job.training[0]).pixels)
    found = [
        (row, col) for row in range(33) for col in range(33)
        if torch.equal(whole[:, row : row + 64, col : col + 64], one)
    ]  # fmt: skip
    assert len(found) == 1


def test_a_network_may_be_trained_from_scratch(config: Path, tmp_path: Path) -> None:
    changes = {
        "loop.epochs": 1, "loop.crop": 32, "network.train": "full", "network.architecture": "unet",
        "network.encoder": "tu-resnet10t", "network.decoder_channels": [8, 8, 8, 8, 8],
    }  # fmt: skip
    spec = read_pangaea_config(str(config), None, changes)
    (job,) = pangaea_jobs(spec, "lakes", (100,), 1)
    train_frozen(job, tmp_path / "run", no_progress)
    counts = score(tmp_path / "run", job.test)
    assert counts.sum() == sum(
        (Windows(spec, ["green"]).read(place).label != 255).sum() for place in job.test
    )
    del changes["network.decoder_channels"]
    assert read_pangaea_config(str(config), None, changes).network.decoder_channels != (512,)
