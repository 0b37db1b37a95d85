"""Published networks against those of terratorch and mmseg with the same random weights.

The golden file: bench/published_oracles.py.
"""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from geoseg.errors import ModelError
from geoseg.spec.presets import encoders, published_models
from tests.models.networks.encoders.random_weights import image

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from geoseg.models.networks import published as module  # noqa: E402
from geoseg.models.networks.published import build_published, load_published, official  # noqa: E402

from tests.published import (  # noqa: E402
    BURNS,
    CHANNELS,
    CROPS,
    FLOOD,
    OLD,
    saved,
    use_small_encoders,
)

GOLDEN = Path(__file__).with_name("golden") / "published.npz"
EVERY = 5
CASES = [
    (FLOOD, "UperNetDecoder.square", (224, 224)),
    (FLOOD, "UperNetDecoder.other", (64, 96)),
    (BURNS, "UNetDecoder.square", (224, 224)),
    (BURNS, "UNetDecoder.other", (64, 96)),
    (OLD, "mmseg.1", (224, 224)),
    (CROPS, "mmseg.3", (224, 224)),
]


@pytest.fixture(autouse=True)
def small_encoders(monkeypatch: pytest.MonkeyPatch) -> None:
    use_small_encoders(monkeypatch)


@pytest.mark.parametrize(("name", "case", "size"), CASES)
def test_logits_equal_those_of_the_library(
    tmp_path: Path, name: str, case: str, size: tuple[int, int]
) -> None:
    path, spec = saved(tmp_path, name)
    network = build_published(spec)
    load_published(network, path, spec)
    # The oracle has bands first: (N, C, T, H, W).
    pixels = image(1, 6, spec.dates, *size) if name in {OLD, CROPS} else image(1, 6, *size)[:, :, None]
    planes = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 2, 1, 3, 4)).reshape(1, -1, *size))
    golden = np.load(GOLDEN)[case]
    for fixed in (False, True):
        if fixed:
            network.encoder.fix_size(*size)
        with torch.inference_mode():
            found = network(planes).numpy()
        assert found.shape == (1, 3, *size)
        scale = float(np.abs(golden).max())
        np.testing.assert_allclose(found[:, :, ::EVERY, ::EVERY] / scale, golden / scale, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "tensors", "numbers"),
    # Counted in the published files, with their table of positions.
    [(FLOOD, 381, 319_177_489), (BURNS, 355, 324_411_275), (CROPS, 98, 134_428_174)],
)
def test_the_layout_has_as_many_tensors_and_numbers_as_the_published_file(
    name: str, tensors: int, numbers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "encoders", encoders)
    with torch.device("meta"):
        network = build_published(published_models()[name])
    own = network.state_dict()
    dates = published_models()[name].dates
    positions = (1 + 196 * dates) * network.encoder.widths[-1] // dates
    assert len({official(key, published_models()[name].layout) for key in own}) == len(own) == tensors - 1
    assert sum(value.numel() for value in own.values()) + positions == numbers


@pytest.mark.parametrize(
    ("old", "new"),
    [("model.encoder.", "model.encoder._timm_module."), ("model.neck.2.", "model.decoder."),
     ("model.neck.2.", "model.neck.1.")],
)  # fmt: skip
def test_names_of_older_versions_are_read(tmp_path: Path, old: str, new: str) -> None:
    path, spec = saved(tmp_path, FLOOD)
    made = torch.load(path, weights_only=False)
    made["state_dict"] = {key.replace(old, new): value for key, value in made["state_dict"].items()}
    torch.save(made, path)
    load_published(build_published(spec), path, spec)


@pytest.mark.parametrize("name", CHANNELS)
def test_every_weight_is_needed_and_known(tmp_path: Path, name: str) -> None:
    """One key of each part of encoder, neck, decoder and head, five at a time."""
    path, spec = saved(tmp_path, name)
    network = build_published(spec)
    whole = torch.load(path, weights_only=False)["state_dict"]
    own = {official(key, spec.layout) for key in network.state_dict()}
    parts = sorted({re.sub(r"\.\d+\.", ".0.", key): key for key in own}.values())
    assert any(key.startswith(("model.decoder", "decode_head.convs", "neck")) for key in parts)
    for first in range(0, len(parts), 5):
        keys = parts[first : first + 5]
        kept = {key: value for key, value in whole.items() if key not in keys}
        renamed = {f"{key}es": whole[key] for key in keys}
        shapes = [f"{key} (4,), not {tuple(whole[key].shape)}" for key in keys]
        for given, said in (
            ({}, f"missing: {', '.join(keys)}"),
            (renamed, f"missing: {', '.join(keys)}; unknown: {', '.join(renamed)}"),
            (dict.fromkeys(keys, torch.zeros(4)), f"of another shape: {', '.join(shapes)}"),
        ):
            torch.save({"state_dict": {**kept, **given}}, path)
            with pytest.raises(ModelError, match=re.escape(f"network of {name}: {said}")):
                load_published(network, path, spec)


def test_another_file_than_the_described_one_is_refused(tmp_path: Path) -> None:
    path, spec = saved(tmp_path, FLOOD)
    known = spec.weights.model_copy(update={"sha256": "0" * 64})
    with pytest.raises(ModelError, match="its SHA-256 is"):
        load_published(build_published(spec), path, spec.model_copy(update={"weights": known}))


def test_numbers_of_older_numpy_are_read_and_code_is_not(tmp_path: Path) -> None:
    """Files of mmseg hold scores as numpy numbers, written before numpy 2 renamed their module."""
    path, spec = saved(tmp_path, OLD)
    content = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(content, "w") as new:
        for item in old.namelist():
            part = old.read(item)
            new.writestr(item, part.replace(b"numpy._core", b"numpy.core") if item.endswith(".pkl") else part)
    path.write_bytes(content.getvalue())
    load_published(build_published(spec), path, spec)
    torch.save({"state_dict": {}, "meta": Path}, path)
    with pytest.raises(ModelError, match="cannot be read"):
        load_published(build_published(spec), path, spec)
