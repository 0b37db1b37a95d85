"""Every architecture of one date that the project exports: read by TensorRT, and the same scores in torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
pytest.importorskip("segmentation_models_pytorch", reason="the extra `train` is not installed")

from geoseg.models.networks.segmentation import build  # noqa: E402

from geoseg.bundles.onnx_operators import read_operators  # noqa: E402
from geoseg.learn.train.bundle_export import Scoring, to_onnx  # noqa: E402
from geoseg.runtimes.tensorrt.tensorrt_operators import objections  # noqa: E402
from geoseg.runtimes.torch.torch_module import OnnxModule  # noqa: E402
from geoseg.spec import NetworkSpec  # noqa: E402

BANDS = ("blue", "green", "red")
OTHERS = ("unetplusplus", "manet", "linknet", "fpn", "deeplabv3", "deeplabv3plus", "segformer")


@pytest.mark.parametrize(
    ("architecture", "encoder", "oldest"),
    [
        ("unet", "resnet18", (8, 5)),
        pytest.param("unet", "resnet34", (8, 5), marks=pytest.mark.slow),
        pytest.param("unet", "tu-mobilenetv3_small_100", (8, 5), marks=pytest.mark.slow),
        *(pytest.param(name, "resnet18", (8, 5), marks=pytest.mark.slow) for name in OTHERS),
        pytest.param("segformer", "mit_b0", (10, 0), marks=pytest.mark.slow),
        pytest.param("dpt", "tu-vit_tiny_patch16_224", (10, 0), marks=pytest.mark.slow),
    ],
)
def test_exports_are_read_and_run_alike(
    architecture: str, encoder: str, oldest: tuple[int, int], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    spec = NetworkSpec.model_validate({"architecture": architecture, "encoder": encoder})
    network = build(spec, bands=BANDS, classes=2, statistics=[(0.0, 1.0)] * 3).eval()
    path = tmp_path / "net.onnx"
    tile = 224 if architecture == "dpt" else None
    to_onnx(Scoring(network).eval(), 3, path, tile)
    assert objections(read_operators(path), oldest) == ()
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    module = OnnxModule(path)
    for count in (1, 3):
        shape = (count, 3, tile or 128, tile or 96)
        given = np.random.default_rng(count).normal(size=shape).astype(np.float32)
        with torch.inference_mode():
            ours = module(torch.from_numpy(given)).numpy()
        np.testing.assert_allclose(ours, session.run(None, {"image": given})[0], rtol=0, atol=1e-4)
