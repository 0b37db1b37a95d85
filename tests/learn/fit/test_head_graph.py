"""The graph computes what the head computes, on every runtime that is installed, and TensorRT reads it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("threadpoolctl")
from geoseg.bundles.onnx_operators import read_operators  # noqa: E402
from geoseg.errors import ModelError  # noqa: E402
from geoseg.learn.fit.features import BANDS, INDEX, index_values, indices_of  # noqa: E402
from geoseg.learn.fit.head_graph import (  # noqa: E402
    INPUT,
    OUTPUT,
    GraphParts,
    add_head,
    finish,
    physical_bands,
    plain_features,
)
from geoseg.learn.fit.heads import fit_path  # noqa: E402
from geoseg.runtimes.choose import open_session  # noqa: E402
from geoseg.runtimes.loading import runtime_module  # noqa: E402
from geoseg.spec import ClassSpec, ModelBand, ModelSpec  # noqa: E402
from geoseg.spec.fit import Head  # noqa: E402

NAMES = ("green", "red", "nir", "swir16")
STATISTICS = ((0.09, 0.03), (0.1, 0.04), (0.25, 0.1), (0.2, 0.08))
TILE = 32


@pytest.mark.usefixtures("one_thread_only")
@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("kind", ["logistic", "knn", "mlp"])
def test_the_graph_scores_as_the_head(kind: Head, runtime: str, tmp_path: Path) -> None:
    if not runtime_module(runtime).status().usable:
        pytest.skip(f"{runtime} is not installed")
    rng = np.random.default_rng(0)
    indices = indices_of(NAMES, "reflectance")
    values = rng.uniform(0, 0.4, (80, 4)).astype(np.float32)
    own = (values[:, 2] > 0.2).astype(np.intp) + (values[:, 0] > 0.3)
    features = np.concatenate([values, index_values(values, indices)], axis=1)
    head = fit_path(kind, features, own, 3, [5.0 if kind == "knn" else 0.1])[0]
    bands = tuple(
        ModelBand(name=name, mean=mean, std=std) for name, (mean, std) in zip(NAMES, STATISTICS, strict=True)
    )
    parts = GraphParts()
    physical_bands(parts, bands)
    plain_features(parts, indices, (BANDS, INDEX))
    number = add_head(parts, [f"{BANDS}_features", f"{INDEX}_features"], head)
    path = tmp_path / "model.onnx"
    onnx.save(finish(parts, 4, number), str(path))
    model = ModelSpec(
        name="head", bands=bands, units="reflectance", tile=TILE, overlap=0, multiple=1, activation="none",
        classes=tuple(ClassSpec(value=i, label=str(i), colour="#000000") for i in range(3)),
        background=None, weights=path, input_name=INPUT, output_name=OUTPUT,
    )  # fmt: skip
    image = rng.uniform(0, 0.4, (1, 4, TILE, TILE)).astype(np.float32)
    image[0, :, 0, 0] = 0  # no reflectance: indices are 0
    shape = (1, 4, 1, 1)
    mean, std = (np.array(part, np.float32).reshape(shape) for part in zip(*STATISTICS, strict=True))
    try:
        session = open_session(model, runtime=runtime, device="cpu", precision="fp32", tile=TILE).session
    except ModelError as error:
        pytest.fail(str(error))
    scores = session((image - mean) / std)[0].reshape(3, -1).T
    session.close()
    pixels = image[0].reshape(4, -1).T
    expected = head.scores(np.concatenate([pixels, index_values(pixels, indices)], axis=1))
    apart = np.abs(scores - expected).max(axis=1) > 1e-3
    # Two labelled pixels may be equally near but for rounding.
    assert apart.mean() <= (0.01 if kind == "knn" else 0)
    assert read_operators(path).opset == 18
