"""The torch runtime against ONNX's own cases of each operator: it computes what is right, or refuses."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geoseg.errors import ModelError

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
cases_of_nodes = pytest.importorskip("onnx.backend.test.case.node")
onnxruntime = pytest.importorskip("onnxruntime")
from geoseg.runtimes.torch.torch_module import OnnxModule  # noqa: E402 - imports torch
from geoseg.runtimes.torch.torch_operators import OPERATORS  # noqa: E402

WITHOUT_NUMBERS = {"Cast", "CastLike"}
"""Operators whose cases are no numpy arrays; `test_torch.py` has others."""

ODD_TYPES = ("uint16", "uint32", "uint64", "bfloat16", "bf16")
"""In names of cases: types that torch computes with only in part."""


@functools.cache
def _cases() -> dict[str, list[Any]]:
    """ONNX's cases of one operator each, by operator."""
    found: dict[str, list[Any]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = cases_of_nodes.collect_testcases(None)
    for case in cases:
        (kind, *more) = {node.op_type for node in case.model.graph.node}
        plain = not more and all(node.domain in {"", "ai.onnx"} for node in case.model.graph.node)
        if plain and kind in OPERATORS and not any(name in case.name for name in ODD_TYPES):
            found.setdefault(kind, []).append(case)
    return found


def _written(case: Any, folder: Path) -> Iterator[tuple[Path, np.ndarray, np.ndarray]]:
    """Each data set of a case as a network of one image: its file, the image and the answer.

    Inputs but the first become weights, as they are in exported networks.
    """
    for given, answers in case.data_sets:
        arrays = all(
            isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biuf" for value in given
        )
        if not given or not arrays:
            continue
        model = onnx.ModelProto()
        model.CopyFrom(case.model)
        del model.graph.input[1:]
        # Weights need not be inputs from 4 on.
        model.ir_version = max(4, model.ir_version)
        names = [port.name for port in case.model.graph.input]
        for name, value in dict(zip(names[1:], given[1:], strict=True)).items():
            if name != names[0]:
                model.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(value), name))
        path = folder / "model.onnx"
        path.write_bytes(model.SerializeToString())
        yield path, np.asarray(given[0]), np.asarray(answers[0])


def _referee(path: Path, name: str, image: np.ndarray, answer: np.ndarray, output: str) -> np.ndarray:
    """What onnxruntime makes of it, which geoseg's other results come from; else ONNX's own answer."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        return np.asarray(session.run([output], {name: image})[0])
    except Exception:  # onnxruntime's own types share no base
        return answer


@pytest.mark.parametrize("kind", sorted(set(OPERATORS) - WITHOUT_NUMBERS))
def test_an_operator_is_right_or_refused(kind: str, tmp_path: Path) -> None:
    right = 0
    for case in _cases().get(kind, []):
        for path, image, answer in _written(case, tmp_path):
            try:
                with torch.inference_mode():
                    found = OnnxModule(path)(torch.from_numpy(image.copy())).numpy()
            except (ModelError, RuntimeError, IndexError):
                # A runtime that cannot says so, and geoseg tells it with its remedy.
                continue
            graph = case.model.graph
            wanted = _referee(path, graph.input[0].name, image, answer, graph.output[0].name)
            assert found.shape == wanted.shape, case.name
            np.testing.assert_allclose(
                found.astype(np.float64), wanted.astype(np.float64), rtol=1e-3, atol=1e-5, err_msg=case.name
            )
            right += 1
    assert right, f"no case of {kind} was computed"
