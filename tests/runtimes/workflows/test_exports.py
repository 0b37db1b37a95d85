"""Every architecture of one date that is exported: TensorRT reads it, and its program scores alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
pytest.importorskip("segmentation_models_pytorch", reason="the extra `train` is not installed")

from geoseg.models.networks.segmentation import build  # noqa: E402

from geoseg.bundles.onnx_operators import read_operators  # noqa: E402
from geoseg.learn.train.bundle_export import Scoring, to_onnx, write_program  # noqa: E402
from geoseg.runtimes.graph import Ports, Precision  # noqa: E402
from geoseg.runtimes.tensorrt.tensorrt_operators import objections  # noqa: E402
from geoseg.runtimes.torch.torch_graph import TorchGraph, read_program  # noqa: E402
from geoseg.spec import ModelSpec, NetworkSpec  # noqa: E402

BANDS = ("blue", "green", "red")
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")
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
    scoring = Scoring(network).eval()
    to_onnx(scoring, 3, path, tile)
    write_program(scoring, 3, path.with_suffix(".pt2"), tile)
    assert objections(read_operators(path), oldest) == ()
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    unnamed = ModelSpec.model_construct(input_name="", output_name="")
    module, image, scores = read_program(path.with_suffix(".pt2"), unnamed, "cpu")
    assert (image.shape, scores.shape) == ((None, 3, tile, tile), (None, 1, tile, tile))
    ports = Ports(inputs=(image,), output=scores, batch=None)
    whole, half = (
        TorchGraph(module, ports, device="cpu", precision=precision, batch=1, description="")
        for precision in PRECISIONS
    )
    for count in (1, 3):
        shape = (count, 3, tile or 128, tile or 96)
        given = np.random.default_rng(count).normal(size=shape).astype(np.float32)
        expected = session.run(None, {"image": given})[0]
        np.testing.assert_allclose(np.asarray(whole(given), np.float32), expected, rtol=0, atol=1e-4)
        # Rounding is relative: random weights make logits with a standard deviation of 0.3 to 9, so the bound
        # is a share of the spread of the scores. torch's own autocast differs by 0.02 to 0.03 of it.
        assert np.abs(half(given) - expected).mean() < 0.05 * expected.std()
