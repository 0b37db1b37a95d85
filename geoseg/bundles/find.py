"""Models by name, folder or file: a value of `--model` to a `ModelSpec`."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from geoseg.bundles.description import model_asset, read_item, to_spec
from geoseg.bundles.external_data import external_names, sha256_of
from geoseg.bundles.foreign_weights import check_format
from geoseg.bundles.installed import all_bundles, check_name, user_folder, warn_of_namesake
from geoseg.bundles.mlm import DESCRIPTION, NAME
from geoseg.bundles.pulled import is_remote, local_file, weights_name
from geoseg.errors import FetchError, ModelError
from geoseg.files.doors import loading
from geoseg.files.inputs import not_an_input, opened
from geoseg.spec import ModelSpec
from geoseg.spec.models import EMBEDDING
from geoseg.spec.presets import published_models

if TYPE_CHECKING:
    from geoseg.bundles.bundle_check import Finding
    from geoseg.bundles.onnx_metadata import OnnxHeader

CARD = "README.md"
HUB = "hf:"
"""Prefix of repositories of the Hugging Face hub."""


def find_model(name_or_path: str) -> ModelSpec:
    """Return the description of a segmentation network; see `find_any`.

    Raises:
        ModelError: there is none, it is invalid, or it is a scene classifier.
    """
    model = find_any(name_or_path)
    if model.classifies:
        raise ModelError(
            f"{name_or_path}: is a scene classifier, not a segmentation network; use "
            f"`geoseg methane facilities SCENE --model {name_or_path}`"
        )
    if model.task == EMBEDDING:
        raise ModelError(
            f"{name_or_path}: returns features, not classes; use `geoseg embed SCENE --encoder NAME`"
        )
    return model


def find_classifier(name_or_path: str) -> ModelSpec:
    """Return the description of a scene classifier; see `find_any`.

    Raises:
        ModelError: there is none, it is invalid, or it is a segmentation network.
    """
    model = find_any(name_or_path)
    if not model.classifies:
        command = model.task if model.task in {"flood", "change"} else "segment"
        raise ModelError(
            f"{name_or_path}: is a segmentation network, not a scene classifier; use "
            f"`geoseg {command} SCENE --model {name_or_path}`"
        )
    return model


def find_any(name_or_path: str) -> ModelSpec:
    """Return the description of a segmentation network or a scene classifier.

    Args:
        name_or_path: a bundle's folder or `model.json`, an `.onnx` file, or the name of a bundle that is
            installed with geoseg or is in the user's folder. Its weights may not be downloaded yet.

    Raises:
        ModelError: there is none, it is invalid, or it has no description.
    """
    with loading(name_or_path):
        path = Path(name_or_path)
        if path.exists():
            check_format(path)
        if path.is_file() and path.suffix.lower() != ".json":
            return _from_onnx(path)
        return _from_description(description_of(name_or_path))


def list_models() -> tuple[ModelSpec, ...]:
    """Return the models that have a name, sorted: those installed with geoseg, then the user's.

    Raises:
        ModelError: a bundle is invalid.
    """
    return tuple(find_any(str(bundle)) for bundle in _installed())


def model_names() -> tuple[str, ...]:
    """Return the names of all models, without reading the bundles."""
    return tuple(bundle.name for bundle in _installed())


def check_bundle(name_or_path: str | Path) -> tuple[Finding, ...]:
    """Check the description, card, licence and SHA-256 of a model, and run its network.

    Returns:
        Findings, errors first; empty if there is no problem.

    Raises:
        ModelError: there is no such model.
        RuntimeMissingError: onnxruntime is not installed.
    """
    from geoseg.bundles.bundle_check import Finding, check_spec  # noqa: PLC0415 - for checks only

    try:
        spec = find_any(str(name_or_path))
    except ModelError as error:
        if not Path(name_or_path).exists():
            raise
        return (Finding(level="error", text=str(error)),)
    card = spec.weights.with_name(CARD)
    findings = [*check_spec(spec)]
    if spec.source == "bundle" and not card.is_file():
        text = f"{card}: there is no card; describe the training data and the limits of the model in it"
        findings.append(Finding(level="warning", text=text))
    return tuple(sorted(findings, key=lambda finding: finding.level))


def description_of(name_or_path: str) -> Path:
    """Return the path of the `model.json` of a bundle, from its folder or name.

    Raises:
        ModelError: there is none.
    """
    path = Path(name_or_path)
    if (path / DESCRIPTION).is_file():
        warn_of_namesake(name_or_path, path)
        return path / DESCRIPTION
    if path.is_file() and path.suffix.lower() == ".json":
        return path
    for bundle in _installed():
        if bundle.name == name_or_path:
            warn_of_namesake(name_or_path, bundle)
            return bundle / DESCRIPTION
    raise _not_found(name_or_path)


def write_bundle(
    folder: Path, spec: ModelSpec, *, architecture: str = "unknown", card: str = ""
) -> ModelSpec:
    """Write a bundle: the weights (copied unless they are there), `model.json` and the card.

    Args:
        folder: created if it does not exist.
        spec: the model; `weights` is the ONNX file, and `program` a file beside it or none.
        architecture: its name in the literature.
        card: text of `README.md`; empty: no card is written.

    Returns:
        The model with its new path, SHA-256 and source.

    Raises:
        ModelError: the weights are not ONNX, or the name is invalid.
        OutputError: the folder cannot be written, or its name among the user's models is one of geoseg's;
            nothing is changed.
    """
    if not re.match(NAME, spec.name):
        raise ModelError(
            f"{spec.name!r} is not a valid name of a model: use three or more letters, digits, . _ "
            "- or spaces"
        )
    from geoseg.bundles.onnx_metadata import read_header  # noqa: PLC0415 - for ONNX files only

    check_name(folder)
    header = read_header(spec.weights)
    sha256 = sha256_of(spec.weights)
    weights = folder / spec.weights.name
    names = external_names(spec.weights)
    data: dict[str, str] = {name: sha256_of(spec.weights.parent / name) for name in names}
    beside = [*data]
    update: dict[str, object] = {
        "weights": weights,
        "sha256": sha256,
        "external": data,
        "source": "bundle",
    }
    if spec.program:
        program = spec.weights.parent / spec.program
        if program.is_file():
            beside.append(spec.program)
            update["program_sha256"] = sha256_of(program)
        else:
            update["program"] = ""
    written = spec.model_copy(update=update)
    size = spec.weights.stat().st_size
    sizes = {name: (spec.weights.parent / name).stat().st_size for name in data}
    texts = {folder / DESCRIPTION: _describe(written, header, architecture, size, sizes)}
    if card:
        texts[folder / CARD] = card
    copies = {weights: spec.weights, **{folder / name: spec.weights.parent / name for name in beside}}
    _write(folder, texts, copies)
    return written


def _write(folder: Path, texts: Mapping[Path, str], copies: Mapping[Path, Path]) -> None:
    """Write the files of a bundle together: texts, and copies of files, unless they are those files."""
    from geoseg.files.disk import writing  # noqa: PLC0415 - imports GDAL, which naming a model does not need
    from geoseg.files.output_files import OutputFiles, write_texts  # noqa: PLC0415

    copied = {target: source for target, source in copies.items() if target.resolve() != source.resolve()}
    if not copied:
        # The bundle gets a new description, which replaces files that were read.
        for path in texts:
            not_an_input(path)
    with writing(folder), ExitStack() as stack:
        for inner in sorted({folder, *(target.parent for target in copied)}):
            if not inner.exists():
                inner.mkdir(parents=True)
                stack.callback(_remove_empty, inner)
        beside = stack.enter_context(OutputFiles([*texts, *copied], overwrite=True))
        for target, source in copied.items():
            shutil.copyfile(source, beside.path(target))
        write_texts(texts, beside)
        beside.commit()


def _remove_empty(folder: Path) -> None:
    """Remove a folder if it is empty."""
    with suppress(OSError):
        folder.rmdir()


def _describe(
    spec: ModelSpec, header: OnnxHeader, architecture: str, size: int, data_sizes: Mapping[str, int]
) -> str:
    """Return the text of `model.json` for weights of `size` bytes in the same folder, and external data."""
    from geoseg.bundles.description_text import from_spec  # noqa: PLC0415 - only to write a bundle

    href = f"./{spec.weights.name}"
    shape = next((port.shape for port in header.outputs if port.name == spec.output_name), None)
    shape = shape or header.outputs[0].shape or ()
    planes = (shape[spec.output_dim_order.index("channel")] or -1) if len(shape) == 4 else -1
    return from_spec(
        spec, href=href, size=size, planes=planes, architecture=architecture, data_sizes=data_sizes
    )


def architecture_of(spec: ModelSpec) -> str:
    """Return the architecture of a model from its bundle; `unknown` without a bundle.

    Raises:
        ModelError: the bundle is invalid.
    """
    description = spec.weights.parent / DESCRIPTION
    return read_item(description)[0].properties.architecture if description.is_file() else "unknown"


def _installed() -> Iterator[Path]:
    """Yield the folders of bundles by name; those of geoseg first, each name once."""
    names: set[str] = set()
    for bundle in all_bundles():
        if bundle.name not in names:
            names.add(bundle.name)
            yield bundle


def _from_description(path: Path) -> ModelSpec:
    """Read a `model.json`; an invalid one is refused with the command that writes a valid one."""
    try:
        return _read_description(path)
    except FetchError:
        raise
    except ModelError as error:
        raise ModelError(
            f"{error}; `geoseg models describe NETWORK.onnx` writes a valid {DESCRIPTION}"
        ) from error


def _read_description(path: Path) -> ModelSpec:
    """Read a `model.json`; its weights are in the same folder or, if downloaded, in the user's folder."""
    opened(path.with_name(CARD))
    item, _ = read_item(path)
    href = model_asset(path, item).href
    if is_remote(href):
        name = weights_name(href)
        weights = path.parent / name
        downloaded = user_folder() / path.parent.name / name
        if not weights.is_file() and (downloaded.is_file() or not os.access(path.parent, os.W_OK)):
            weights = downloaded
    else:
        weights = local_file(path.parent, href)
    if item.classifies:
        from geoseg.bundles.classifier import to_classifier  # noqa: PLC0415 - for classifiers only

        return to_classifier(path, weights)
    return to_spec(path, weights)


def _from_onnx(path: Path) -> ModelSpec:
    """Read the description of an ONNX file: a `model.json` in its folder, else the metadata of the file."""
    from geoseg.bundles.deepness import spec_from_deepness  # noqa: PLC0415 - for ONNX files only
    from geoseg.bundles.onnx_metadata import read_header, spec_from_metadata  # noqa: PLC0415

    header = read_header(path)
    for sidecar in (path.with_suffix(".json"), path.with_name(DESCRIPTION)):
        if sidecar.is_file():
            described = _from_description(sidecar)
            if described.weights.resolve() == path.resolve():
                return described
    spec = spec_from_metadata(path, header) or spec_from_deepness(path, header)
    if spec is not None:
        return spec
    keys = ", ".join(sorted(header.metadata)) or "none"
    raise ModelError(
        f"{path}: the network has no description: no {DESCRIPTION} in its folder, and in its "
        f"metadata neither the key 'geoseg' nor Deepness's keys 'model_type' and 'class_names' (keys there: "
        f"{keys}); write one: geoseg models describe {shlex.quote(str(path))}"
    )


def _not_found(name: str) -> ModelError:
    """Return the error for an unknown model, with similar names or all names."""
    names = model_names()
    if Path(name).exists():
        return _not_a_bundle(Path(name))
    if name.startswith(HUB):
        return ModelError(
            f"{name}: geoseg runs networks that are on this machine; download and describe it: `geoseg "
            f"models describe {shlex.quote(name)} -o NAME`"
        )
    if urlsplit(name).scheme in {"http", "https", "s3"}:
        return ModelError(f"{name}: geoseg does not read networks from addresses; download the file first")
    if name in published_models():
        return ModelError(f"{name}: is not on this machine; fetch and convert it: geoseg models pull {name}")
    near = get_close_matches(name, [*names, *published_models()], n=3, cutoff=0.5)
    known = f"geoseg has {', '.join(names)}" if names else "no models are installed"
    hint = f"did you mean {' or '.join(near)}?" if near else known
    return ModelError(f"{name}: no such file, and no model has this name: {hint}")


def _not_a_bundle(path: Path) -> ModelError:
    """Return the error for a folder, or a file where a bundle is wanted."""
    if path.is_dir():
        return ModelError(f"{path}: is a folder without {DESCRIPTION}, so it is not a bundle")
    return ModelError(
        f"{path}: is a file, not a bundle whose weights are downloaded: map with `--model {path}`, or write "
        f"its bundle: geoseg models describe {shlex.quote(str(path))}"
    )
