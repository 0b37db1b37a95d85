"""Remove from an environment what no run of geoseg reads, and print how much that was.

    ENVIRONMENT/bin/python docker/trim.py ENVIRONMENT

Only files that a package has for its developers, or for devices that geoseg does not use, and the symbol
tables of libraries, which debuggers read (`strip` of binutils, if it is there). The build runs geoseg after
this.
"""

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

FOLDERS = (
    "*/**/tests",  # of numpy, scipy, pandas, shapely, …
    "numpy/_core/include",
    "openvino/include",
    "pyarrow/include",
    "openvino/cmake",
    "openvino/tools",
    "openvino/frontend/paddle",
    "openvino/frontend/pytorch",
    "openvino/frontend/tensorflow",
    "openvino/torch",
    "onnxruntime/tools",
    "onnxruntime/transformers",
    "onnxruntime/quantization",
)
FILES = (
    "**/*.pyi",
    "**/*.pxd",
    "**/*.pyx",
    # Of OpenVINO, geoseg uses the device CPU, and graphs of ONNX and of OpenVINO itself.
    "openvino/libs/cache.json",
    "openvino/libs/libopenvino_intel_gpu_plugin.so*",
    "openvino/libs/libopenvino_intel_npu_*.so*",
    "openvino/libs/libopenvino_paddle_frontend.so*",
    "openvino/libs/libopenvino_pytorch_frontend.so*",
    "openvino/libs/libopenvino_tensorflow_*.so*",
    "openvino/libs/libopenvino_gguf_frontend.so*",
    # The Python module of onnxruntime holds the library, which is there for programs in C.
    "onnxruntime/capi/libonnxruntime.so*",
    # Of Pillow, geoseg writes PNG.
    "PIL/_avif*.so",
    "pillow.libs/libavif-*.so*",
)


def size(path: Path) -> int:
    """Bytes of a file, or of the files below a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(item.stat().st_size for item in files if item.is_file() and not item.is_symlink())


def trim(packages: Path) -> int:
    """Remove the files and folders below `site-packages`; returns their bytes."""
    removed = 0
    for pattern in (*FOLDERS, *FILES):
        for path in sorted(packages.glob(pattern)):
            if not path.exists() or (path.is_dir() and pattern in FILES):
                continue
            removed += size(path)
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    return removed


def strip(packages: Path) -> int:
    """Remove the symbol tables of all libraries that have one; returns their bytes.

    Builders of wheels rearrange some libraries so that `strip` makes them unloadable: those are put back.
    """
    command = shutil.which("strip")
    if command is None:
        return 0
    removed = 0
    for path in packages.rglob("*.so*"):
        if path.is_symlink() or not path.is_file() or not loads(path):
            continue
        before = path.stat()
        kept = path.with_name(f"{path.name}.kept")
        shutil.copy2(path, kept)
        done = subprocess.run(  # noqa: S603 - the own strip
            [command, "--strip-unneeded", path], check=False, stderr=subprocess.DEVNULL
        )
        if done.returncode == 0 and loads(path):
            removed += before.st_size - path.stat().st_size
            kept.unlink()
        else:
            kept.replace(path)
    return removed


def loads(path: Path) -> bool:
    """Whether a library can be loaded, tried in a process of its own."""
    child = os.fork()
    if not child:
        try:
            ctypes.CDLL(str(path))
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


if __name__ == "__main__":
    found = list(Path(sys.argv[1]).glob("lib/python3*/site-packages"))
    if not found:
        sys.exit(f"{sys.argv[1]} has no lib/python3*/site-packages")
    before = sum(size(packages) for packages in found)
    removed = sum(trim(packages) + strip(packages) for packages in found)
    sys.stdout.write(f"trim: {before / 1e6:.0f} MB, less {removed / 1e6:.0f} MB\n")
