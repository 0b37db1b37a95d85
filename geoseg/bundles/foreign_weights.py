"""Weights of other formats than ONNX: what they are, and how to export an ONNX file from them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from geoseg.errors import ModelError

_TORCH = (
    "image = torch.zeros(1, BANDS, 256, 256)\n"
    "  torch.onnx.export(network.eval(), image, {name!r}, dynamo=False, input_names=['image'], "
    "output_names=['scores'], dynamic_axes={{'image': {{0: 'n', 2: 'h', 3: 'w'}}}})"
)
_TENSORFLOW = "pip install tf2onnx\n  python -m tf2onnx.convert {option} {path} --output {name}"

_KINDS: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(
        (".pt", ".pth", ".ckpt", ".safetensors", ".bin", ".torchscript"),
        ("a torch file", f"build the network in Python, load these weights, then\n  {_TORCH}"),
    ),
    **dict.fromkeys((".h5", ".hdf5", ".keras"), ("a Keras file", _TENSORFLOW.replace("{option}", "--keras"))),
    ".tflite": ("a TensorFlow Lite file", _TENSORFLOW.replace("{option}", "--tflite")),
    ".pb": ("a TensorFlow file", _TENSORFLOW.replace("{option} {path}", "--saved-model {folder}")),
    **dict.fromkeys(
        (".engine", ".plan", ".trt"),
        (
            "a TensorRT engine, which runs on one kind of GPU only",
            "give the ONNX file that it was built from; geoseg builds engines itself",
        ),
    ),
    ".xml": ("an OpenVINO file", "give the ONNX file that it was converted from; geoseg runs it in OpenVINO"),
    ".mlmodel": ("a Core ML file", "export the network to ONNX from the program that trained it"),
    ".mlpackage": ("a Core ML file", "export the network to ONNX from the program that trained it"),
    ".dlpk": (
        "an ESRI package (zip)",
        "unpack it, export its network to ONNX, and give its .emd file to `--from`",
    ),
    ".emd": ("an ESRI description without weights", "export its network to ONNX, and give it to `--from`"),
}
"""Kind of a file by its suffix, and what to do: `name` is that of the ONNX file to write."""


def check_format(path: Path) -> None:
    """Check that a file is not of a known format other than ONNX.

    Raises:
        ModelError: it is; the message has the lines that export an ONNX file.
    """
    folder = path if path.is_dir() else path.parent
    saved = path.is_dir() and (path / "saved_model.pb").is_file()
    kind = _KINDS.get(".pb" if saved else path.suffix.lower())
    if kind is None:
        return
    what, how = kind
    name = f"{path.resolve().stem if saved else path.stem}.onnx"
    steps = how.format(name=name, path=path, folder=folder)
    after = "" if "ONNX file that it was" in how else f"\nthen describe it: geoseg models describe {name}"
    raise ModelError(f"{path}: is {what}, geoseg runs ONNX files: {steps}{after}")
