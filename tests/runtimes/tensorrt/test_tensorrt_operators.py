"""Engines built by NVIDIA's own parser and builder, which TensorRT for RTX also runs without a GPU.

It shares its parser with TensorRT 11 and, like it, takes precision from the graph. What it builds here cannot
be run here: that the graphs are read and can be built is what is proven.
"""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from geoseg.bundles.find import find_model
from geoseg.errors import ModelError
from geoseg.files import onnx_files
from geoseg.files.onnx_files import save_graph
from geoseg.runtimes.graph import Precision
from geoseg.runtimes.tensorrt.api import TensorRT, make_logger
from geoseg.runtimes.tensorrt.engine_build import EnginePlan, build
from geoseg.runtimes.tensorrt.tensorrt_operators import known_operators
from geoseg.spec import ModelSpec, NetworkSpec
from geoseg.tasks.segment.encoder_bundle import EncoderChoice, encoder_bundle
from tests.files.test_onnx_files import SIDE, described, network
from tests.models.workflows.test_zoo import BUNDLES
from tests.runtimes.conftest import MakeNetwork

rtx = pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx, which builds without a GPU, is not installed")

PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "bf16", "int8")


@pytest.fixture
def vendor() -> Iterator[TensorRT]:
    """TensorRT for RTX under the version that it reads graphs as, building for a GPU that is not here."""

    def builder(logger: Any) -> SimpleNamespace:
        made = rtx.Builder(logger)
        return SimpleNamespace(
            create_network=made.create_network,
            create_builder_config=lambda: _for_ada(made.create_builder_config()),
            create_optimization_profile=made.create_optimization_profile,
            build_serialized_network=made.build_serialized_network,
        )

    with warnings.catch_warnings():
        # It warns of its timing cache, which it no longer has, and whenever one of its objects is let go.
        warnings.simplefilter("ignore", DeprecationWarning)
        yield SimpleNamespace(**{**vars(rtx), "Builder": builder, "__version__": "11.0"})
        gc.collect()


def _for_ada(config: Any) -> Any:
    """Name the GPU to build for, as has to be done where there is none."""
    config.num_compute_capabilities = 1
    assert config.set_compute_capability(rtx.ComputeCapability.SM89, 0)
    return config


def _plan(spec: ModelSpec, precision: Precision, folder: Path, tile: int = 128) -> EnginePlan:
    channels = spec.channels
    tiles = np.random.default_rng(0).normal(size=(4, channels, tile, tile)).astype(np.float32)
    return EnginePlan(
        weights=spec.weights,
        input_name=spec.input_name,
        output_name=spec.output_name,
        shape=(channels, tile, tile),
        profile=(1, 4, 8),
        precision=precision,
        calibration=tiles if precision == "int8" else None,
        timing_cache=folder / "timing.cache",
    )


@pytest.mark.parametrize("name", BUNDLES)
def test_shipped_bundles_are_built_in_every_precision(name: str, vendor: TensorRT, tmp_path: Path) -> None:
    spec = find_model(name)
    sizes = {precision: len(build(vendor, _plan(spec, precision, tmp_path))) for precision in PRECISIONS}
    if spec.weights.stat().st_size < 2**20:
        return
    # Weights make most of the engine of a large network, so its size tells in which type they are kept.
    assert sizes["fp16"] < 0.7 * sizes["fp32"]
    assert sizes["bf16"] < 0.75 * sizes["fp32"]
    assert sizes["int8"] < 0.8 * sizes["fp32"]


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_weights_beside_the_graph_are_built_in(
    precision: Precision, vendor: TensorRT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the file, and those of a converted graph, whose file is gone after it is read."""
    monkeypatch.setattr(onnx_files, "MOST_INSIDE", 1000)
    save_graph(network(256), path := tmp_path / "model.onnx")
    assert path.stat().st_size < 20_000
    plan = _plan(described(path), precision, tmp_path, SIDE)
    assert len(build(vendor, plan)) > 256 * 256 * (4 if precision == "fp32" else 2)


@pytest.mark.parametrize(
    ("architecture", "encoder", "tile"),
    [
        ("unet", "resnet18", 128),
        pytest.param("dpt", "tu-vit_tiny_patch16_224", 224, marks=pytest.mark.slow),
        pytest.param("segformer", "mit_b0", 128, marks=pytest.mark.slow),
        pytest.param("deeplabv3plus", "resnet18", 128, marks=pytest.mark.slow),
    ],
)
def test_networks_that_are_exported_here_are_built(
    architecture: str, encoder: str, tile: int, vendor: TensorRT, tmp_path: Path
) -> None:
    pytest.importorskip("segmentation_models_pytorch", reason="the extra `train` is not installed")
    from geoseg.models.networks.segmentation import build as network_of  # noqa: PLC0415

    from geoseg.learn.train.bundle_export import Scoring, to_onnx  # noqa: PLC0415

    path = tmp_path / "net.onnx"
    model = find_model("water-optical").model_copy(
        update={"weights": path, "input_name": "", "output_name": ""}
    )
    bands = tuple(band.name for band in model.bands)
    spec = NetworkSpec.model_validate({"architecture": architecture, "encoder": encoder})
    network = network_of(spec, bands=bands, classes=2, statistics=[(0.0, 1.0)] * len(bands))
    fixed = tile if architecture == "dpt" else None
    to_onnx(Scoring(network.eval()).eval(), len(bands), path, fixed)
    for precision in PRECISIONS:
        assert build(vendor, _plan(model, precision, tmp_path, tile))


@pytest.mark.parametrize("dates", [1, 2])
def test_encoders_are_built(
    dates: int, vendor: TensorRT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("timm", reason="the extra `train` is not installed")
    monkeypatch.setenv("GEOSEG_CACHE", str(tmp_path / "cache"))
    choice = EncoderChoice(name="galileo-nano", weights="none", patch=4, tile=32)
    model = encoder_bundle(choice, ("blue", "green", "red", "nir"), dates=dates).model
    for precision in ("fp32", "fp16"):
        assert build(vendor, _plan(model, precision, tmp_path, 32))


def test_operators_that_are_said_to_be_read_are_read(vendor: TensorRT) -> None:
    logger = make_logger(vendor)
    parser: Any = vendor.OnnxParser(vendor.Builder(logger).create_network(0), logger)
    # Taken out of ONNX long ago, and a plugin that only the larger TensorRT brings.
    left_out = {"ImageScaler", "DeformConv"}
    unread = [kind for kind in known_operators((11, 0)) - left_out if not parser.supports_operator(kind)]
    assert unread == []
    assert not parser.supports_operator("Unique"), "else the answer tells nothing"


def test_what_it_cannot_read_is_told_in_its_words(
    vendor: TensorRT, make_network: MakeNetwork, tmp_path: Path
) -> None:
    plan = _plan(make_network(tail="Unique"), "fp32", tmp_path)
    with pytest.raises(
        ModelError, match=r"TensorRT 11.0 cannot read it: Unique: false \(UNSUPPORTED_NODE\); `geoseg"
    ):
        build(vendor, plan)
