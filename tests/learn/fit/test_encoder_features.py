"""The embedding of a pixel is that which the graph computes: bilinear between patches."""

from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
from geoseg.learn.fit.encoder_features import interpolated  # noqa: E402


@pytest.mark.parametrize("stride", [2, 4, 8])
def test_interpolation_is_that_of_onnx(stride: int) -> None:
    planes = np.random.default_rng(0).normal(0, 1, (3, 5, 7)).astype(np.float32)
    scales = onnx.numpy_helper.from_array(np.array([1, 1, stride, stride], np.float32), "scales")
    node = onnx.helper.make_node(
        "Resize", ["x", "", "scales"], ["y"], mode="linear", coordinate_transformation_mode="half_pixel"
    )
    ports = [onnx.helper.make_tensor_value_info(name, 1, [None] * 4) for name in ("x", "y")]
    graph = onnx.helper.make_graph([node], "resize", ports[:1], ports[1:], [scales])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    expected = session.run(None, {"x": planes[None]})[0][0]
    rows, cols = (part.reshape(-1) for part in np.mgrid[0 : 5 * stride, 0 : 7 * stride])
    found = interpolated(planes, rows, cols, stride)
    assert np.abs(found.T.reshape(expected.shape) - expected).max() < 1e-5
