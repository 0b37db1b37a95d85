"""What TensorRT's ONNX parser reads, so that a graph can be judged where there is no GPU.

Source: onnx-tensorrt, docs/operators.md of the releases for TensorRT 8.5 and 10.15; opset 20 for 10.0 is
from that release's page. Versions between are judged by the older list: what passes is surely read.
"""

from __future__ import annotations

from collections.abc import Mapping

from geoseg.bundles.onnx_operators import Operators, OperatorUse

OLDEST = (8, 5)
"""The oldest TensorRT with the calls that geoseg makes."""

NEWEST_OPSET: Mapping[tuple[int, int], int] = {(8, 5): 17, (10, 0): 20, (10, 15): 24}
"""Greatest opset by the version from which on it is read."""

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
"""Operators that are read from 8.5 on."""

SINCE_10 = frozenset(
    {
        *("BlackmanWindow", "CastLike", "DeformConv", "Gelu", "GroupNormalization", "HammingWindow"),
        *("HannWindow", "Hardmax", "IsInf", "LayerNormalization", "Mish", "STFT"),
    }
)
"""Operators that are read from 10.0 on besides."""

RESIZE_MODES = frozenset({"nearest", "linear"})
RESIZE_PLACES = frozenset(
    {"half_pixel", "pytorch_half_pixel", "tf_half_pixel_for_nn", "asymmetric", "align_corners"}
)


def newest_opset(version: tuple[int, int]) -> int:
    """Return the greatest opset that a version of TensorRT surely reads."""
    return max((opset for since, opset in NEWEST_OPSET.items() if since <= version), default=0)


def known_operators(version: tuple[int, int]) -> frozenset[str]:
    """Return the operators that a version of TensorRT surely reads."""
    return SINCE_8_5 | SINCE_10 if version >= (10, 0) else SINCE_8_5


def objections(operators: Operators, version: tuple[int, int]) -> tuple[str, ...]:
    """Say what a version of TensorRT would not read of a graph; empty where it reads all.

    An opset of 18 is no objection to 8.5: geoseg converts graphs of 18 to 17 when it builds for it.

    Args:
        operators: of the graph.
        version: of TensorRT.
    """
    found = []
    name = f"TensorRT {version[0]}.{version[1]}"
    newest = newest_opset(version)
    if operators.opset > max(newest, 18):
        found.append(f"opset {operators.opset}: {name} reads up to {newest}; export with opset 18")
    known = known_operators(version)
    for use in operators.uses:
        if use.domain not in {"", "ai.onnx"}:
            found.append(f"operator {use.domain}.{use.kind}: {name} reads ONNX's own only")
        elif use.kind not in known:
            later = "; 10.0 does" if use.kind in SINCE_10 else ""
            found.append(f"operator {use.kind}: {name} does not read it{later}")
        elif use.kind == "Resize":
            found += _resize(use, name)
    return tuple(dict.fromkeys(found))


def _resize(use: OperatorUse, name: str) -> list[str]:
    if use.mode and use.mode not in RESIZE_MODES:
        return [f"operator Resize of mode {use.mode}: {name} has {' and '.join(sorted(RESIZE_MODES))}"]
    if use.place and use.place not in RESIZE_PLACES:
        return [f"operator Resize with {use.place}: {name} has {', '.join(sorted(RESIZE_PLACES))}"]
    return [f"operator Resize with antialias: {name} has none"] if use.antialias else []
