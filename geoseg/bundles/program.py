"""torch.export programs: files of bundles beside the ONNX file, which the runtime `torch` runs.

torch unpickles parts of such a file ("Never load data from an untrusted source", says torch.export.load),
evaluates its expressions of sizes, and calls the functions of torch that it names. So a program is code of
its author. It is never downloaded, and only loaded where the user states that the author is trusted.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue

from geoseg.bundles.external_data import asset_name, file_asset, sha256_of
from geoseg.bundles.mlm import MODEL_ROLE, ModelAsset
from geoseg.bundles.pulled import is_remote
from geoseg.errors import ModelError
from geoseg.files.inputs import opened
from geoseg.spec import ModelSpec

PROGRAM = "model.pt2"
"""Name of the program that an export writes."""

ARTIFACT = "torch.export.save"
"""Artifact type of a program in MLM."""

TRUST = "GEOSEG_TRUST_PROGRAMS"
"""Environment variable; 1: programs of bundles may run as code of the user."""


def stated_program(assets: Mapping[str, ModelAsset]) -> tuple[str, str]:
    """Return the relative path and SHA-256 of the program that a description lists; empty if there is none.

    A program at an address is none: it is not downloaded.
    """
    for asset in assets.values():
        if asset.artifact_type == ARTIFACT and not is_remote(asset.href):
            return asset_name(asset), asset.sha256
    return "", ""


def program_asset(spec: ModelSpec) -> dict[str, JsonValue]:
    """Return the asset of a description for the program of a model; empty if there is none."""
    if not spec.program:
        return {}
    asset = file_asset(spec.program, spec.program_sha256, role=MODEL_ROLE)
    return {"program": {**asset, "mlm:artifact_type": ARTIFACT}}


def trusted_program(model: ModelSpec) -> Path:
    """Return the program of a model, after all checks that its content allows without loading it.

    Raises:
        ModelError: there is none, it lies outside the folder of the network or has another SHA-256 than
            stated, or the user does not state that its author is trusted.
    """
    instead = "use `--runtime onnxruntime` or tensorrt"
    if not model.program:
        raise ModelError(
            f"{model.weights}: model {model.name} has no torch.export program, which `--runtime torch` runs; "
            f"{instead}, or write the bundle again with `geoseg export RUN -o FOLDER --program`"
        )
    path = model.weights.parent / model.program
    if os.environ.get(TRUST) != "1":
        raise ModelError(
            f"{path}: `--runtime torch` runs this program as code of its author, with your rights; set "
            f"{TRUST}=1 if you trust the author, else {instead}"
        )
    if not path.resolve().is_relative_to(model.weights.parent.resolve()):
        raise ModelError(f"{path}: lies outside the folder of the network; put the program there")
    opened(path)
    if not path.is_file():
        raise ModelError(f"{path}: the program of model {model.name} is missing; {instead}")
    actual = sha256_of(path)
    if actual != model.program_sha256.lower():
        stated = model.program_sha256.lower() or "none"
        raise ModelError(
            f"{path}: SHA-256 is {actual}, the description states {stated}: the file is damaged or is "
            f"another file; {instead}"
        )
    return path
