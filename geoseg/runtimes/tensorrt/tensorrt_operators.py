"""Operators that TensorRT's ONNX parser supports, to check graphs without a GPU.

Source: onnx-tensorrt, docs/operators.md of the releases for TensorRT 8.5 and 10.15; opset 20 for 10.0 is
from that release's page. Versions between use the older list, which they support completely.
"""

from __future__ import annotations

from collections.abc import Mapping

from geoseg.bundles.onnx_operators import Operators, OperatorUse

OLDEST = (8, 5)
"""The oldest version of TensorRT that geoseg supports."""

NEWEST_OPSET: Mapping[tuple[int, int], int] = {(8, 5): 17, (10, 0): 20, (10, 15): 24}
"""Newest supported opset, by the first version that supports it."""

SINCE_8_5 = frozenset(
    {
        *("Abs", "Acos", "Acosh", "Add", "And", "ArgMax", "ArgMin", "Asin", "Asinh", "Atan", "Atanh"),
        *("AveragePool", "BatchNormalization", "Cast", "Ceil", "Celu", "Clip", "Concat", "Constant"),
        *("ConstantOfShape", "Conv", "ConvTranspose", "Cos", "Cosh", "CumSum", "DepthToSpace"),
        *("DequantizeLinear", "Div", "Dropout", "Einsum", "Elu", "Equal", "Erf", "Exp", "Expand", "EyeLike"),
        *("Flatten", "Floor", "Gather", "GatherElements", "GatherND", "Gemm", "GlobalAveragePool"),
        *("GlobalLpPool", "GlobalMaxPool", "Greater", "GreaterOrEqual", "GridSample", "GRU", "HardSigmoid"),
        *("HardSwish", "Identity", "If", "ImageScaler", "InstanceNormalization", "IsNaN", "LeakyRelu"),
        *("Less", "LessOrEqual", "Log", "LogSoftmax", "Loop", "LRN", "LSTM", "LpNormalization", "LpPool"),
        *("MatMul", "Max", "MaxPool", "Mean", "MeanVarianceNormalization", "Min", "Mod", "Mul", "Neg"),
        *("NonMaxSuppression", "NonZero", "Not", "OneHot", "Or", "Pad", "Pow", "PRelu", "QuantizeLinear"),
        *("Range", "Reciprocal", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax"),
        *("ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare", "Relu", "Reshape"),
        *("Resize", "ReverseSequence", "RNN", "RoiAlign", "Round", "Scan", "Scatter", "ScatterElements"),
        *("ScatterND", "Selu", "Shape", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Size", "Slice"),
        *("Softmax", "Softplus", "Softsign", "SpaceToDepth", "Split", "Sqrt", "Squeeze", "Sub", "Sum"),
        *("Tan", "Tanh", "ThresholdedRelu", "Tile", "TopK", "Transpose", "Trilu", "Unsqueeze", "Upsample"),
        *("Where", "Xor"),
    }
)
"""Operators that are supported from 8.5 on."""

SINCE_10 = frozenset(
    {
        *("BlackmanWindow", "CastLike", "DeformConv", "Gelu", "GroupNormalization", "HammingWindow"),
        *("HannWindow", "Hardmax", "IsInf", "LayerNormalization", "Mish", "STFT"),
    }
)
"""Further operators that are supported from 10.0 on."""

RESIZE_MODES = frozenset({"nearest", "linear"})
RESIZE_TRANSFORMATIONS = frozenset(
    {"half_pixel", "pytorch_half_pixel", "tf_half_pixel_for_nn", "asymmetric", "align_corners"}
)


def newest_opset(version: tuple[int, int]) -> int:
    """Return the newest opset that a version of TensorRT supports."""
    return max((opset for since, opset in NEWEST_OPSET.items() if since <= version), default=0)


def known_operators(version: tuple[int, int]) -> frozenset[str]:
    """Return the operators that a version of TensorRT supports."""
    return SINCE_8_5 | SINCE_10 if version >= (10, 0) else SINCE_8_5


def objections(operators: Operators, version: tuple[int, int]) -> tuple[str, ...]:
    """Return messages about parts of a graph that a version of TensorRT does not support; empty for none.

    Opset 18 is accepted for 8.5: geoseg converts such graphs to opset 17 before the build.

    Args:
        operators: operators of the graph.
        version: major and minor version of TensorRT.
    """
    messages = []
    name = f"TensorRT {version[0]}.{version[1]}"
    newest = newest_opset(version)
    if operators.opset > max(newest, 18):
        messages.append(f"opset {operators.opset}: {name} supports up to {newest}; export with opset 18")
    known = known_operators(version)
    for use in operators.uses:
        if use.domain not in {"", "ai.onnx"}:
            messages.append(f"operator {use.domain}.{use.kind}: {name} supports operators of ONNX only")
        elif use.kind not in known:
            later = "; 10.0 does" if use.kind in SINCE_10 else ""
            messages.append(f"operator {use.kind}: {name} does not support it{later}")
        elif use.kind == "Resize":
            messages += _resize(use, name)
    return tuple(dict.fromkeys(messages))


def _resize(use: OperatorUse, name: str) -> list[str]:
    if use.mode and use.mode not in RESIZE_MODES:
        return [f"operator Resize of mode {use.mode}: {name} supports {' and '.join(sorted(RESIZE_MODES))}"]
    if use.transformation and use.transformation not in RESIZE_TRANSFORMATIONS:
        return [
            f"operator Resize with {use.transformation}: {name} supports "
            f"{', '.join(sorted(RESIZE_TRANSFORMATIONS))}"
        ]
    return [f"operator Resize with antialias: {name} does not support it"] if use.antialias else []
