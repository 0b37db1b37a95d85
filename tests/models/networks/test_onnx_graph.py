"""Torch modules as ONNX files, with weights inside or beside them; the limit is lowered for speed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from geoseg.files import onnx_files
from geoseg.files.onnx_files import DATA

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from geoseg.models.networks.onnx_graph import exporting, write_graph  # noqa: E402

from geoseg.learn.train import bundle_export  # noqa: E402
from geoseg.learn.train.bundle_export import is_half, store_fp16  # noqa: E402


@pytest.mark.parametrize(("most", "files"), [(10**9, ["net.onnx"]), (1000, [DATA, "net.onnx"])])
def test_large_weights_lie_beside_the_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, files: list[str]
) -> None:
    monkeypatch.setattr(onnx_files, "MOST_INSIDE", most)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 32, 3), torch.nn.ReLU(), torch.nn.Conv2d(32, 2, 1)
    ).eval()
    image = torch.from_numpy(np.random.default_rng(0).normal(0, 1, (2, 3, 16, 16)).astype(np.float32))
    write_graph(
        network, (image,), path := tmp_path / "net.onnx", inputs=("image",), output="scores",
        dynamic=({0: torch.export.Dim.DYNAMIC},),
    )  # fmt: skip
    with torch.inference_mode():
        expected = network(image).numpy()
    for close in (1e-5, 5e-3):
        assert sorted(item.name for item in tmp_path.iterdir()) == files
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        (found,) = session.run(None, {"image": image.numpy()})
        np.testing.assert_allclose(found, expected, atol=close)
        store_fp16(path)


def test_many_weights_are_stored_as_float16(monkeypatch: pytest.MonkeyPatch) -> None:
    network = torch.nn.Linear(10, 10)
    assert [is_half(network, form) for form in ("auto", "fp32", "fp16")] == [False, False, True]
    monkeypatch.setattr(bundle_export, "FP16_PARAMETERS", 100)
    assert [is_half(network, form) for form in ("auto", "fp32", "fp16")] == [True, False, True]


def test_a_full_disk_is_not_a_fault_of_the_network() -> None:
    """numpy raises it without a number of the error when a file takes no more."""
    with pytest.raises(OSError, match="problem writing"), exporting("ONNX"):
        raise OSError("problem writing element 8192 to file")
