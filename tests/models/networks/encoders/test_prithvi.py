"""Prithvi against terratorch's network with the same random weights (bench/encoder_oracles.py)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from tests.models.networks.encoders.random_weights import EVERY, GOLDEN, image, tokens, weights

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from geoseg.models.networks.encoders import export_encoder  # noqa: E402
from geoseg.models.networks.encoders.build_encoder import EncoderRequest  # noqa: E402
from geoseg.models.networks.encoders.encoder import About  # noqa: E402
from geoseg.models.networks.encoders.prithvi import Prithvi  # noqa: E402

from geoseg.spec.encoders import UNKNOWN_FACT  # noqa: E402

DAYS = torch.tensor([[[2018.0, 32.0], [2019.0, 200.0], [2020.0, 366.0]]])
PLACE = torch.tensor([[47.5, -8.25]])


def official(encoder: Prithvi) -> dict[str, Any]:
    """Random weights under the published names."""
    shapes = {name: tuple(value.shape) for name, value in encoder.state_dict().items()}
    return {name: torch.from_numpy(value) for name, value in weights(shapes).items()}


def build(dates: int = 1, *, reads_place: bool = False) -> Prithvi:
    encoder = Prithvi(
        6,
        width=64,
        depth=2,
        heads=4,
        patch=16,
        layers=(0, 1),
        dates=dates,
        reads=("date", "lonlat") if reads_place else (),
    )
    encoder.load_state_dict(official(encoder))
    encoder.eval()
    return encoder


@pytest.mark.parametrize(
    ("case", "dates", "size"),
    [("square", 1, (224, 224)), ("rectangle", 1, (48, 80)), ("dates", 3, (48, 80)), ("facts", 3, (48, 80))],
)
def test_features_equal_those_of_terratorch(case: str, dates: int, size: tuple[int, int]) -> None:
    golden = np.load(GOLDEN / "prithvi.npz")
    encoder = build(dates, reads_place=case == "facts")
    pixels = torch.from_numpy(image(1, 6, dates, *size)).transpose(1, 2)
    about = About(days=DAYS, places=PLACE) if case == "facts" else About()
    for fix in (False, True):
        if fix:
            encoder.fix_size(*size)
        with torch.no_grad():
            levels = encoder(pixels, about)
        for index, level in enumerate(levels):
            found = tokens(level.numpy(), dates, EVERY if case == "square" else 1)
            np.testing.assert_allclose(found, golden[f"{case}.{index}"], atol=1e-5)


def test_dates_and_places_are_optional_and_read() -> None:
    encoder = build(3, reads_place=True)
    pixels = torch.from_numpy(image(1, 3, 6, 32, 32))
    with torch.no_grad():
        plain, placed, dated = (
            encoder(pixels, about)[-1] for about in (About(), About(places=PLACE), About(days=DAYS))
        )
    assert not torch.allclose(plain, placed)
    assert not torch.allclose(plain, dated)
    ignoring = build(3)
    with torch.no_grad():
        assert torch.equal(
            ignoring(pixels, About())[-1], ignoring(pixels, About(places=PLACE, days=DAYS))[-1]
        )


def test_unknown_dates_and_places_add_nothing() -> None:
    encoder = build(3, reads_place=True)
    pixels = torch.from_numpy(image(1, 3, 6, 32, 32))
    unknown = About(days=torch.full((1, 3, 2), UNKNOWN_FACT), places=torch.full((1, 2), UNKNOWN_FACT))
    some = DAYS.clone()
    some[:, 1:] = UNKNOWN_FACT
    with torch.no_grad():
        plain = encoder(pixels, About())[-1]
        assert torch.equal(encoder(pixels, unknown)[-1], plain)
        assert not torch.allclose(encoder(pixels, About(days=some))[-1], plain)


def test_an_exported_graph_reads_dates_and_place_in_float32(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planes behind the bands are the oracle's arguments; no operator needs float64."""
    monkeypatch.setattr(export_encoder, "build_encoder", lambda _: build(3, reads_place=True))
    bands = ("blue", "green", "red", "nir08", "swir16", "swir22")
    request = EncoderRequest(name="prithvi-eo-2.0-tiny-tl", bands=bands, dates=3, size=(48, 80))
    path = tmp_path / "model.onnx"
    export_encoder.export_encoder(request, path)
    graph = onnx.load(str(path))
    doubles = [item.name for item in graph.graph.initializer if item.data_type == onnx.TensorProto.DOUBLE]
    casts = [
        node.name
        for node in graph.graph.node
        if node.op_type == "Cast" and node.attribute[0].i == onnx.TensorProto.DOUBLE
    ]
    assert (doubles, casts) == ([], [])
    pixels = image(1, 6, 3, 48, 80).transpose(0, 2, 1, 3, 4).reshape(1, 18, 48, 80)
    facts = np.concatenate([DAYS.numpy().reshape(1, 6), PLACE.numpy()], axis=1)
    planes = np.broadcast_to(facts[:, :, None, None], (1, 8, 48, 80)).astype(np.float32)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def run(planes: Any) -> Any:
        return session.run(None, {"image": np.concatenate([pixels, planes], axis=1)})[0]

    found = run(planes)
    golden = np.load(GOLDEN / "prithvi.npz")["facts.1"]
    same, other = run(np.full_like(planes, UNKNOWN_FACT)), run(planes + 1)
    assert np.abs(found - same).max() > 1e-3
    assert np.abs(found - other).max() > 1e-4
    # What is left is the pattern of positions, the same for any planes.
    network = build(3, reads_place=True)
    network.fix_size(48, 80)
    with torch.no_grad():
        plain = network(torch.from_numpy(pixels).unflatten(1, (3, 6)), About())[-1].numpy()
    pattern = plain - same
    np.testing.assert_allclose(tokens(found + pattern, 3, 1), golden, atol=1e-5)
    touched = planes.copy()
    touched[..., 1:, 1:] = 77
    np.testing.assert_array_equal(run(touched), found)


def test_levels_hold_the_features_of_all_dates() -> None:
    encoder = build(3)
    levels = encoder(torch.zeros(2, 3, 6, 32, 48), About())
    assert [tuple(level.shape) for level in levels] == [(2, 192, 2, 3)] * 2
    assert encoder.widths == (192, 192)
    assert encoder.is_plain
    assert len(encoder.stages()) == 2
