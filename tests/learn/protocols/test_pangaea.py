"""What PANGAEA sets in a config, and which images each share of the labels has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

from geoseg.errors import UsageError
from geoseg.learn.protocols.pangaea import pangaea_jobs, read_pangaea_config
from tests.messages import Messages
from tests.simulated import CONFIG, write_set


@pytest.fixture
def config(tmp_path: Path) -> Path:
    write_set(tmp_path / "lakes", chips=16)
    path = tmp_path / "made.yaml"
    path.write_text(CONFIG.format(root=tmp_path / "lakes"))
    return path


def test_the_protocol_sets_training_and_decoder(config: Path, messages: Messages) -> None:
    spec = read_pangaea_config(str(config), None, {})
    assert (spec.network.architecture, spec.network.train, spec.network.decoder_channels) == (
        "upernet", "frozen", (512,),
    )  # fmt: skip
    assert (spec.loop.epochs, spec.loop.batch, spec.loop.learning_rate) == (80, 8, 1e-4)
    assert (spec.loop.weight_decay, spec.loop.validate_every, spec.loop.seed) == (0.05, 5, 234)
    assert (spec.augment.flips, spec.augment.gain, spec.augment.scale) == (False, 0, (1, 1))
    assert (spec.loss.cross_entropy, spec.loss.dice) == (1, 0)
    assert spec.tile == spec.loop.crop
    assert any("random weights" in text for text in messages.warnings)


def test_users_may_differ_from_the_protocol(config: Path) -> None:
    changes = {"loop.epochs": 3, "network.train": "full", "augment.flips": True}
    spec = read_pangaea_config(str(config), None, changes)
    assert (spec.loop.epochs, spec.loop.validate_every) == (3, 3)
    assert spec.network.train == "full"
    assert spec.augment.flips


def test_bands_that_an_encoder_lacks_are_left_out(config: Path, messages: Messages) -> None:
    bands = [{"name": name} for name in ("green", "swir16", "cirrus")]
    changes = {"network.encoder": "galileo-nano", "network.weights": "none", "bands": bands, "scale": 10000}
    spec = read_pangaea_config(str(config), None, changes)
    assert [band.name for band in spec.bands] == ["green", "swir16"]
    # The data set's statistics normalise, not those of the published weights.
    assert all(band.mean is None for band in spec.bands)
    assert any("no band cirrus" in text for text in messages.notes)
    with pytest.raises(UsageError, match="none of the config's bands"):
        read_pangaea_config(str(config), None, {**changes, "bands": [{"name": "cirrus"}]})


def test_a_helper_is_left_out(tmp_path: Path) -> None:
    """A frozen encoder learns nothing from a second modality, so its bands are not read."""
    spec = read_pangaea_config("flood-s1-s2", tmp_path, {"network.weights": "none"})
    assert spec.helper is None
    assert [band.name for band in spec.bands] == ["vv", "vh"]


def test_shares_of_the_labels_equal_a_count_by_hand(config: Path) -> None:
    """Eight training images: three without water, four with a tenth of water, one of water only."""
    spec = read_pangaea_config(
        str(config), None, {"split": {"kind": "runs", "parts": 4, "val": ["1"], "test": ["3"]}}
    )
    kinds = dict(zip((0, 1, 2, 3, 8, 9, 10, 11), (0, 0, 0, 1, 1, 1, 1, 2), strict=True))
    for index, kind in kinds.items():
        path = spec.data.root / ("east" if index % 2 else "west") / "label" / f"chip_{index}.tif"
        with rasterio.open(path, "r+") as file:
            made = np.full(file.shape, 2 if kind == 2 else 1, np.uint8)
            if kind == 1:
                made[: file.height // 4] = 2
            file.write(made, 1)
    jobs = {job.setting: job for job in pangaea_jobs(spec, "lakes", (10, 50, 100), 1)}
    expected = {"10%": [1, 1, 1], "50%": [1, 2, 1], "100%": [3, 4, 1]}
    for setting, counts in expected.items():
        job = jobs[setting]
        drawn = [kinds[int(place.sample.id.removeprefix("chip_"))] for place in job.training]
        assert [drawn.count(kind) for kind in range(3)] == counts
        assert job.parameters["strata"] == 3
        assert (len(job.validation), len(job.test), len(job.described)) == (4, 4, 8)


def test_a_validation_part_is_needed(config: Path) -> None:
    spec = read_pangaea_config(str(config), None, {"split": {"kind": "runs", "parts": 4, "test": ["3"]}})
    with pytest.raises(UsageError, match=r"split\.val"):
        pangaea_jobs(spec, "lakes", (100,), 1)
