"""The runtime `torch`: programs of bundles score as their ONNX files, and other files are refused."""

from __future__ import annotations

import hashlib
import pickle
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geoseg.bundles.find import find_model
from geoseg.bundles.program import TRUST
from geoseg.errors import ModelError, RuntimeMissingError
from geoseg.runtimes.choose import open_session
from geoseg.runtimes.network_session import NetworkSession
from geoseg.spec import ModelSpec
from tests.runtimes.programs import with_program

torch: Any = pytest.importorskip("torch", reason="the extra `torch` is not installed")

MakeNetwork = Callable[..., ModelSpec]


def _open(spec: ModelSpec, runtime: str = "torch", **options: Any) -> NetworkSession:
    given = {"device": "cpu", "precision": "fp32", "tile": 32, **options}
    return open_session(spec, runtime=runtime, **given).session


def test_scores_keep_their_digits_in_half_precision(make_network: MakeNetwork, tiles: np.ndarray) -> None:
    spec = with_program(make_network(1, tail="Sigmoid", classes=2, activation="none"))
    scores = _open(spec, precision="bf16")(tiles)
    logits = np.log(scores / (1 - scores))
    # bfloat16 has 128 steps between 0.5 and 1; the sigmoid itself is computed in float32.
    assert len(np.unique(scores[(logits > 0) & (logits < 1)])) > 128


def test_torch_that_is_missing_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(RuntimeMissingError, match=r"torch is not installed: pip install 'geoseg\[torch\]'"):
        open_session(find_model("flood-sar"), runtime="torch", device="cpu", tile=64)


def test_a_bundle_without_a_program_is_refused_with_the_remedy() -> None:
    with pytest.raises(
        ModelError, match=r"flood-sar has no torch\.export program.*use `--runtime onnxruntime`"
    ) as caught:
        open_session(find_model("flood-sar"), runtime="torch", device="cpu", tile=64)
    assert caught.value.exit_code == 4


class Opens:
    """Pickled, it creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.path), "w")


def test_an_untrusted_program_is_not_unpickled(
    make_network: MakeNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch unpickles example inputs when it loads a program: such a file runs what its author wrote."""
    spec = with_program(make_network())
    path, marker = spec.weights.parent / spec.program, tmp_path / "marker"
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            harmful = "sample_inputs" in name
            archive.writestr(name, pickle.dumps(Opens(marker)) if harmful else content)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    spec = spec.model_copy(update={"program_sha256": sha256})
    monkeypatch.delenv(TRUST)
    with pytest.raises(ModelError, match=f"set {TRUST}=1 if you trust the author"):
        _open(spec)
    assert not marker.exists()


@pytest.mark.parametrize("content", [b"", b"no program", b"PK\x05\x06" + bytes(18)])
def test_damaged_programs_are_refused(content: bytes, make_network: MakeNetwork) -> None:
    spec = with_program(make_network())
    (spec.weights.parent / spec.program).write_bytes(content)
    with pytest.raises(ModelError, match=r"network\.pt2: SHA-256 is"):
        _open(spec)
    spec = spec.model_copy(update={"program_sha256": hashlib.sha256(content).hexdigest()})
    with pytest.raises(ModelError, match=r"network\.pt2: torch cannot load the program"):
        _open(spec)


def test_a_program_of_two_images_is_refused(make_network: MakeNetwork) -> None:
    class Two(torch.nn.Module):  # type: ignore[misc]
        def forward(self, one: Any, other: Any) -> Any:
            return one + other

    spec = with_program(make_network())
    path = spec.weights.parent / spec.program
    example = torch.zeros(1, 3, 32, 32)
    torch.export.save(torch.export.export(Two(), (example, example)), path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(ModelError, match="is not a program of a network of one image"):
        _open(spec.model_copy(update={"program_sha256": sha256}))


@pytest.mark.slow
def test_compiled_networks_score_alike(
    make_network: MakeNetwork, tiles: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = with_program(make_network(4, kernel=3))
    plain = _open(spec)(tiles)
    monkeypatch.setenv("GEOSEG_TORCH_COMPILE", "1")
    session = _open(spec)
    assert session.description.endswith(", compiled")
    np.testing.assert_allclose(session(tiles), plain, rtol=0, atol=1e-4)
