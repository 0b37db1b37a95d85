"""Weights of other formats get the lines that export them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from geoseg.bundles.find import find_model
from geoseg.errors import ModelError


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *((f"n.{suffix}", "a torch file") for suffix in ("pt", "PTH", "ckpt", "safetensors")),
        ("n.h5", "tf2onnx.convert --keras"),
        ("n.keras", "tf2onnx.convert --keras"),
        ("n.tflite", "tf2onnx.convert --tflite"),
        ("n.pb", "tf2onnx.convert --saved-model"),
        ("n.engine", "a TensorRT engine"),
        ("n.xml", "an OpenVINO file"),
        ("n.dlpk", "unpack it"),
        ("n.emd", "give it to `--from`"),
    ],
)
def test_another_format_is_named(name: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"weights")
    with pytest.raises(ModelError) as caught:
        find_model(str(tmp_path / name))
    assert expected in str(caught.value)
    if name.lower().endswith((".pt", ".h5", ".tflite")):
        assert "geoseg models describe n.onnx" in str(caught.value)


def test_the_lines_for_torch_are_python(tmp_path: Path) -> None:
    (tmp_path / "n.pt").write_bytes(b"")
    with pytest.raises(ModelError) as caught:
        find_model(str(tmp_path / "n.pt"))
    lines = [line.strip() for line in str(caught.value).splitlines() if line.startswith("  ")]
    assert len(lines) == 2
    assert len(ast.parse("\n".join(lines)).body) == 2


def test_a_saved_model_is_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(b"")
    with pytest.raises(ModelError, match=rf"--saved-model {folder} --output saved\.onnx"):
        find_model(str(folder))


def test_a_file_that_does_not_exist_is_not_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        find_model(str(tmp_path / "n.pt"))
