"""Every key of published weights is used, or the error names it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from geoseg.models.networks.encoders.galileo import Galileo, Size  # noqa: E402
from geoseg.models.networks.encoders.load_weights import load_weights  # noqa: E402

from geoseg.errors import ModelError  # noqa: E402
from geoseg.spec import EncoderWeights  # noqa: E402


def made(*bands: str) -> Galileo:
    return Galileo(bands, size=Size(32, 1, 4), patch=4, layers=(0,))


def state() -> dict[str, Any]:
    every = made("vv", "vh", "blue", "green", "red").state_dict()
    return {f"encoder.{key}": torch.randn_like(value.float()) for key, value in every.items()}


FACTS = EncoderWeights(url="", prefix="encoder.", ignore=("static.",))


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_weights_of_a_file_are_loaded(tmp_path: Path, suffix: str) -> None:
    table = {**state(), "encoder.static.x": torch.zeros(1), "decoder.y": torch.zeros(1)}
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pt":
        torch.save({"state_dict": table}, path)
    else:
        pytest.importorskip("safetensors.torch").save_file(table, path)
    encoder = made("vv", "vh")
    load_weights(encoder, path, FACTS)
    for key, value in encoder.state_dict().items():
        assert torch.equal(value, table[f"encoder.{key}"])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda table: table.pop("encoder.norm.weight"), "missing: norm.weight"),
        (lambda table: table.update({"encoder.extra": torch.zeros(1)}), "unknown: extra"),
        (lambda table: table.update({"encoder.norm.bias": torch.zeros(3)}), r"norm.bias \(3,\), not \(32,\)"),
        (
            lambda table: table.update({"encoder.renamed": table.pop("encoder.norm.bias")}),
            "missing: norm.bias; unknown: renamed",
        ),
        (
            lambda table: table.update({"encoder.norm.bias": torch.ones(32, dtype=torch.int8)}),
            "of another type: norm.bias int8, not float32",
        ),
        (
            lambda table: table.update(
                {"encoder.norm.bias": torch.quantize_per_tensor(torch.ones(32), 0.1, 0, torch.qint8)}
            ),
            "of another type: norm.bias qint8, not float32",
        ),
        (
            lambda table: table.update({"encoder.norm.bias": torch.full((32,), float("nan"))}),
            "not finite: norm.bias",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:.*quantized tensor", "ignore:TypedStorage")
def test_keys_that_do_not_fit_are_named(tmp_path: Path, change: object, named: str) -> None:
    table = state()
    change(table)  # type: ignore[operator]
    torch.save(table, tmp_path / "weights.pt")
    encoder = made("vv", "vh", "blue", "green", "red")
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    with pytest.raises(ModelError, match=named):
        load_weights(encoder, tmp_path / "weights.pt", FACTS)
    assert all(torch.equal(value, before[key]) for key, value in encoder.state_dict().items())


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float64"])
def test_weights_of_another_precision_are_converted(tmp_path: Path, kind: str) -> None:
    table = {key: value.to(getattr(torch, kind)) for key, value in state().items()}
    torch.save(table, tmp_path / "weights.pt")
    encoder = made("vv", "vh", "blue", "green", "red")
    load_weights(encoder, tmp_path / "weights.pt", FACTS)
    assert torch.equal(encoder.norm.bias, table["encoder.norm.bias"].float())


class Code:
    """An object whose unpickling would run code."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("code of a file ran",))


@pytest.mark.parametrize("content", [b"", b"not a file of tensors", None])
def test_other_files_are_refused(
    tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "weights.pt"
    if content is None:
        torch.save({"a": Code()}, path)
    else:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"weights\.pt.*damaged") as refused:
        load_weights(made("vv", "vh"), path, FACTS)
    assert "weights_only" not in str(refused.value)
    assert "code" not in capsys.readouterr().out


def test_another_file_is_known_by_its_hash(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save(state(), path)
    right = hashlib.sha256(path.read_bytes()).hexdigest()
    load_weights(made("vv", "vh", "blue", "green", "red"), path, FACTS.model_copy(update={"sha256": right}))
    with pytest.raises(ModelError, match="SHA-256"):
        load_weights(made("vv", "vh"), path, FACTS.model_copy(update={"sha256": "0" * 64}))
