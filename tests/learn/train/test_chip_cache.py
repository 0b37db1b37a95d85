"""Chips are read once, also for two readers, of which one needs fewer bands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from geoseg.learn.samples import find_samples, read_chip, sample_windows  # noqa: E402
from geoseg.learn.train import chip_cache  # noqa: E402
from geoseg.learn.train.chip_cache import ChipCache  # noqa: E402
from geoseg.learn.train.config import read_config  # noqa: E402
from geoseg.learn.train.crops import Windows  # noqa: E402
from geoseg.learn.train.training_spec import TrainSpec  # noqa: E402
from tests.simulated import CONFIG, write_set  # noqa: E402


@pytest.fixture
def spec(tmp_path: Path) -> TrainSpec:
    write_set(tmp_path / "lakes", chips=2)
    path = tmp_path / "made.yaml"
    path.write_text(CONFIG.format(root=tmp_path / "lakes"))
    return read_config(str(path), None, {})


def test_readers_of_fewer_bands_share_chips(spec: TrainSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []

    def counted(place, *further):  # type: ignore[no-untyped-def]
        read.append(place)
        return read_chip(place, *further)

    monkeypatch.setattr(chip_cache, "read_chip", counted)
    place = sample_windows(find_samples(spec.data), spec.data)[0]
    chips = ChipCache(spec, ("green",), ("swir16",))
    one, both = Windows(spec, ("green",), chips=chips), Windows(spec, ("green",), (), ("swir16",), chips)
    assert (one.read(place).pixels.shape[0], both.read(place).pixels.shape[0]) == (1, 2)
    assert len(read) == 1
    alone = read_chip(place, spec.data, ("green",), spec.trained_on)
    np.testing.assert_array_equal(one.read(place).pixels, alone.pixels)
    np.testing.assert_array_equal(one.read(place).label, alone.label)
    with pytest.raises(ValueError, match="do not begin with the bands swir16"):
        Windows(spec, ("swir16",), chips=chips)


def test_a_cache_serves_configs_of_one_set_and_the_same_bands(spec: TrainSpec) -> None:
    chips = ChipCache.of(spec)
    faster = spec.model_copy(update={"loop": spec.loop.model_copy(update={"epochs": 1, "seed": 7})})
    assert chips.serves(faster)
    assert not chips.serves(spec.model_copy(update={"bands": spec.bands[:1]}))
    elsewhere = spec.data.model_copy(update={"root": Path("elsewhere")})
    assert not chips.serves(spec.model_copy(update={"data": elsewhere}))


def test_the_least_recently_used_chip_is_dropped(spec: TrainSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    places = sample_windows(find_samples(spec.data), spec.data)
    chips = ChipCache.of(spec)
    first = chips.read(places[0])
    assert chips.read(places[0]) is first
    monkeypatch.setattr(chip_cache, "CACHE_BYTES", first.pixels.nbytes)
    chips.read(places[1])
    assert chips.read(places[0]) is not first
