"""Features of a frozen encoder on disk: losses to the last bit, what repeats, what is removed, full disks."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
pytest.importorskip("lightning", reason="the extra `train` is not installed")

from geoseg.learn.samples import find_samples, sample_windows  # noqa: E402
from geoseg.learn.train import feature_cache  # noqa: E402
from geoseg.learn.train.feature_cache import (  # noqa: E402
    SUFFIX,
    FeatureCache,
    encoder_identity,
    kept_features,
    training_images,
)
from geoseg.learn.train.training_module import SegmentationModule  # noqa: E402
from geoseg.learn.train.training_run import train  # noqa: E402
from geoseg.learn.train.training_spec import TrainSpec  # noqa: E402
from tests.messages import Messages, progress  # noqa: E402

SIDE = 32


@pytest.fixture(scope="module")
def chips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight chips of two bands, of the size of a crop."""
    root = tmp_path_factory.mktemp("chips")
    grid = {"driver": "GTiff", "width": SIDE, "height": SIDE, "crs": "EPSG:32633"}
    for chip in range(8):
        rng = np.random.default_rng(chip)
        water = rng.random((SIDE, SIDE)).cumsum(axis=1) > 8 + chip
        image = np.where(water, 0.02, 0.3) + rng.normal(0, 0.01, (2, SIDE, SIDE))
        where = rasterio.Affine(10, 0, 500_000 + 5000 * chip, 0, -10, 5_000_000)
        for name, planes in (("image", image.astype(np.float32)), ("label", water[None].astype(np.uint8))):
            path = root / name / f"chip_{chip}.tif"
            path.parent.mkdir(exist_ok=True)
            dtype = planes.dtype.name
            with rasterio.open(path, "w", count=len(planes), dtype=dtype, transform=where, **grid) as file:
                file.write(planes)
                if name == "image":
                    file.descriptions = ("nir", "nir08")
    return root


def config(root: Path, **changes: Any) -> TrainSpec:
    loop = {
        "epochs": 5, "crop": SIDE, "batch": 2, "samples_per_epoch": 6, "learning_rate": 0.01, "keep": "last",
        "seed": 1, **changes.pop("loop", {}),
    }  # fmt: skip
    network = {"architecture": "linear", "encoder": "galileo-nano", "weights": "none", "train": "frozen"}
    return TrainSpec.model_validate(
        {
            "name": "cached",
            "data": {
                "root": root,
                "images": [{"files": "image/{id}.tif", "sensor": "sentinel-2-l2a"}],
                "labels": {"files": "label/{id}.tif"},
            },
            "split": {"kind": "random", "parts": 4, "val": ["1"]},
            "units": "reflectance",
            "bands": [{"name": "nir"}, {"name": "nir08"}],
            "classes": [
                {"value": 0, "label": "land", "colour": "#f2efe9"},
                {"value": 1, "label": "water", "colour": "#2b8cff"},
            ],
            "tile": SIDE,
            "overlap": 0,
            "network": {**network, **changes.pop("network", {})},
            "augment": {"flips": False},
            "loop": loop,
            **changes,
        }
    )


def losses(folder: Path) -> list[dict[str, str]]:
    with (folder / "logs" / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def counted(messages: Messages) -> tuple[int, int]:
    """Images that were encoded, and whose features were read, by the last note of a training."""
    note = next(text for text in reversed(messages.notes) if text.startswith("frozen encoder: "))
    encoded, read = (int(word) for word in note.split() if word.isdigit())
    return encoded, read


def test_losses_and_weights_are_those_without_the_cache(
    chips: Path, tmp_path: Path, messages: Messages
) -> None:
    kept = tmp_path / "features"
    variants = {"plain": {"feature_cache": 0}, "cached": {}, "kept": {"feature_folder": str(kept)}}
    for name, loop in variants.items():
        train(config(chips, loop=loop), tmp_path / name, progress)
    expected = losses(tmp_path / "plain")
    assert len({row["train_loss"] for row in expected if row["train_loss"]}) == 5
    states = [
        torch.load(tmp_path / name / "checkpoints" / "last.ckpt", weights_only=False)["state_dict"]
        for name in variants
    ]
    for name, state in zip(variants, states, strict=True):
        assert losses(tmp_path / name) == expected
        assert all(torch.equal(value, states[0][key]) for key, value in state.items())
    encoded, read = counted(messages)
    assert encoded + read == 5 * (6 + 2)
    assert read >= 4 * 2  # validation is encoded once
    assert encoded < 24
    # Kept, nothing is encoded by the next training on the same encoder and data; not kept, nothing is left.
    train(config(chips, loop={"feature_folder": str(kept)}), tmp_path / "again", progress)
    assert counted(messages) == (0, 40)
    assert losses(tmp_path / "again") == expected
    assert not [
        path for path in (tmp_path / "cached").rglob("*") if path.suffix == SUFFIX or path.name[0] == "."
    ]


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({}, 8),
        ({"augment": {}}, None),
        ({"augment": {"flips": False, "noise": 0.1}}, None),
        ({"augment": {"flips": False, "scale": (0.5, 2)}}, None),
        ({"loop": {"crop": 48}, "tile": 48}, None),
    ],
)
def test_training_images_repeat_where_nothing_is_drawn_or_augmented(
    changes: dict[str, Any], count: int | None, chips: Path
) -> None:
    spec = config(chips, **changes)
    assert training_images(spec, sample_windows(find_samples(spec.data), spec.data)) == count


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"network": {"train": "lora"}}, "the encoder is not frozen"),
        ({"loop": {"feature_cache": 0}}, "loop.feature_cache is 0"),
        ({}, ""),
    ],
)
def test_a_folder_of_features_that_is_not_used_is_said(
    changes: dict[str, Any], why: str, chips: Path, tmp_path: Path, messages: Messages
) -> None:
    loop = {"feature_folder": str(tmp_path / "kept"), **changes.pop("loop", {})}
    spec = config(chips, loop=loop, **changes)
    network = SegmentationModule(spec, [(0.0, 1.0)] * 2, [0.5, 0.5]).network
    with kept_features(network, spec, (), tmp_path):
        pass
    found = [text for text in messages.warnings if "loop.feature_folder is not used" in text]
    assert len(found) == bool(why)
    assert why in "".join(found)


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({}, True),
        ({"network": {"train": "lora"}}, False),
        ({"network": {"train": "last-1"}}, False),
        ({"loop": {"feature_cache": 0}}, False),
    ],
)
def test_only_features_of_a_frozen_encoder_are_kept(
    changes: dict[str, Any], kept: bool, chips: Path, tmp_path: Path
) -> None:
    spec = config(chips, **changes)
    network = SegmentationModule(spec, [(0.0, 1.0)] * 2, [0.5, 0.5]).network
    body = network.encoder_network
    assert body is not None
    with kept_features(network, spec, (), tmp_path):
        assert (body.kept is not None) == kept
    assert body.kept is None
    assert not list(tmp_path.iterdir())


def encode(planes: Any) -> list[Any]:
    """Features that are a view with another order of axes, as those of transformers."""
    return [
        planes.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2) * 2,
        planes.mean((2, 3), keepdim=True),
    ]


def images(seed: int, count: int = 2) -> Any:
    return torch.randn(count, 3, 4, 5, generator=torch.Generator().manual_seed(seed))


def cached(
    folder: Path, *, limit: float = 2**20, number: int | None = 8, identity: str = "a"
) -> FeatureCache:
    return FeatureCache(folder, identity, limit=limit, images=number)


def test_features_come_back_in_their_values_type_and_layout(tmp_path: Path) -> None:
    cache = cached(tmp_path)
    given = images(0)
    first = cache(given, encode, training=True)
    again = cache(given.flip(0), pytest.fail, training=True)
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one.flip(0), other)
        assert (one.dtype, one.stride()) == (other.dtype, other.stride())
    assert cached(tmp_path)(given, pytest.fail, training=False)[0].equal(first[0])


@pytest.mark.parametrize("change", ["identity", "pixel", "count", "type"])
def test_what_features_depend_on_makes_them_new(change: str, tmp_path: Path) -> None:
    cached(tmp_path)(given := images(0), encode, training=True)
    calls: list[Any] = []

    def counting(planes: Any) -> list[Any]:
        calls.append(planes)
        return encode(planes)

    other = cached(tmp_path, identity="b" if change == "identity" else "a")
    changed = {"pixel": given + torch.eye(4, 5) * 1e-6, "count": given[:1], "type": given.double()}
    other(changed.get(change, given), counting, training=True)
    assert len(calls) == 1


def shortened(data: bytes) -> bytes:
    return data[:-200]


def flipped(data: bytes) -> bytes:
    """The same with one number of the features changed, which torch reads without an error."""
    value = np.float32(images(0)[0, 0, 0, 0] * 2).tobytes()
    assert data.count(value) == 1
    return data.replace(value, np.float32(7).tobytes())


def emptied(_: bytes) -> bytes:
    return b""


@pytest.mark.parametrize("damage", [shortened, flipped, emptied])
def test_a_damaged_file_is_written_again(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    given = images(0, 1)
    expected = cached(tmp_path)(given, encode, training=True)
    for path in tmp_path.glob(f"*{SUFFIX}"):
        path.write_bytes(damage(path.read_bytes()))
    for made in (encode, pytest.fail):
        assert torch.equal(cached(tmp_path)(given, made, training=True)[0], expected[0])


def test_a_file_under_the_name_of_another_is_not_read(tmp_path: Path) -> None:
    cached(tmp_path)(images(0), encode, training=True)
    one, other = sorted(tmp_path.glob(f"*{SUFFIX}"))
    other.write_bytes(one.read_bytes())
    expected = encode(images(0))
    assert torch.equal(cached(tmp_path)(images(0), encode, training=True)[0], expected[0])
    assert one.read_bytes() != other.read_bytes()


SIZE = 4 * (3 * 4 * 5 + 3)
"""Bytes of the features of an image."""


def test_training_images_are_kept_whole_or_not_at_all(tmp_path: Path, messages: Messages) -> None:
    cache = cached(tmp_path, limit=7.5 * SIZE)
    cache(images(0), encode, training=True)
    assert not list(tmp_path.iterdir())
    assert "features of 8 training images need" in messages.notes[0]
    cache(images(1, 1), encode, training=False)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("full", ["limit", "disk", "write"])
def test_a_full_folder_ends_the_keeping_and_not_the_training(
    full: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, messages: Messages
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("the disk is full")

    if full == "disk":
        monkeypatch.setattr(feature_cache, "free_bytes", lambda _: 1000)
    if full == "write":
        monkeypatch.setattr(torch, "save", refuse)
    cache = cached(tmp_path, limit=2000 if full == "limit" else 2**20)
    for seed in range(9):
        given = images(seed)
        assert torch.equal(cache(given, encode, training=False)[0], encode(given)[0])
    assert len(list(tmp_path.iterdir())) == (2 if full == "limit" else 0)
    assert len([note for note in messages.notes if "kept" in note or "written" in note]) == 1


def test_an_interruption_leaves_no_part_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", interrupt)
    with pytest.raises(KeyboardInterrupt):
        cached(tmp_path)(images(0), encode, training=True)
    assert not list(tmp_path.iterdir())


def test_the_identity_of_an_encoder_is_that_of_its_weights_tables_and_facts() -> None:
    def norm(change: Callable[[Any], None] = lambda _: None, facts: object = 1) -> str:
        made = torch.nn.BatchNorm2d(3)
        change(made)
        return encoder_identity(made, facts)

    made = {
        norm(),
        norm(facts=2),
        norm(lambda item: item.weight.data.add_(1e-6)),
        norm(lambda item: item.running_mean.add_(1)),
        encoder_identity(torch.nn.InstanceNorm2d(3, affine=True, track_running_stats=True), 1),
    }
    assert len(made) == 5
    assert norm() in made
