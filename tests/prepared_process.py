"""Commands of geoseg in processes of their own that start with torch imported, which takes seconds."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from multiprocessing import get_context
from pathlib import Path

from geoseg.cli import main

# Else albumentations asks the network for its newest version when it is imported.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

PREPARED = [
    "torch",
    "torchvision",
    "lightning",
    "onnx",
    "onnxruntime",
    "timm",
    "segmentation_models_pytorch",
    "albumentations",
    "onnxscript",
    "torch.onnx._internal.exporter._core",
    "rasterio",
    "scipy.ndimage",
    "geoseg.cli.app",
    "geoseg.learn.train",
]
"""Imported once, by the process that the others are forked from; importing starts no threads."""


def geoseg(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does, in the present folder and environment."""
    context = get_context("forkserver")
    context.set_forkserver_preload(PREPARED)
    with tempfile.TemporaryDirectory() as folder:
        given = (list(map(str, arguments)), dict(os.environ), Path.cwd(), Path(folder))
        process = context.Process(target=_run, args=given)
        process.start()
        process.join()
        stdout, stderr = (Path(folder, name).read_text() for name in ("stdout", "stderr"))
    return subprocess.CompletedProcess(given[0], process.exitcode or 0, stdout, stderr)


def _run(arguments: list[str], environment: Mapping[str, str], place: Path, folder: Path) -> None:
    """Run geoseg with streams into the files `stdout` and `stderr` of a folder."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(place)
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT), number)
    sys.argv = ["geoseg", *arguments]
    main()
