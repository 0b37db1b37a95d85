"""Models by name, folder or file: whatever `--model` takes becomes a `ModelSpec` or a `ClassifierSpec`."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from difflib import get_close_matches
from importlib.resources import as_file, files
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from geoseg.bundles.bundle_check import Finding, check_spec
from geoseg.bundles.classifier import from_classifier, to_classifier
from geoseg.bundles.deepness import spec_from_deepness
from geoseg.bundles.description import from_spec, model_asset, read_item, to_spec
from geoseg.bundles.mlm import NAME
from geoseg.bundles.onnx_metadata import OnnxHeader, read_header, spec_from_metadata
from geoseg.bundles.pulled import is_remote, weights_name
from geoseg.errors import ModelError
from geoseg.files.inputs import not_an_input, opened
from geoseg.spec import AnyModel, ClassifierSpec, ModelSpec

AnyKind = TypeVar("AnyKind", ModelSpec, ClassifierSpec)

DESCRIPTION = "model.json"
CARD = "README.md"


def user_folder() -> Path:
    """Return the folder of the user's own bundles: `$GEOSEG_MODELS`, else by the XDG rule."""
    own = os.environ.get("GEOSEG_MODELS")
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(own) if own else Path(data) / "geoseg" / "models"


def find_model(name_or_path: str) -> ModelSpec:
    """Return the description of a segmentation network; see `find_any`.

    Raises:
        ModelError: there is none, it is not valid, or it maps no pixels.
    """
    found = find_any(name_or_path)
    if isinstance(found, ClassifierSpec):
        raise ModelError(
            f"{name_or_path}: is a scene classifier, which maps no pixels; use geoseg methane facilities "
            f"SCENE --model {name_or_path}"
        )
    return found


def find_classifier(name_or_path: str) -> ClassifierSpec:
    """Return the description of a scene classifier; see `find_any`.

    Raises:
        ModelError: there is none, it is not valid, or it is a segmentation network.
    """
    found = find_any(name_or_path)
    if isinstance(found, ModelSpec):
        command = found.task if found.task in {"flood", "change"} else "segment"
        raise ModelError(
            f"{name_or_path}: is a segmentation network, not a scene classifier; use geoseg {command} with "
            f"--model {name_or_path}"
        )
    return found


def find_any(name_or_path: str) -> AnyModel:
    """Return the description of a model of any kind.

    Args:
        name_or_path: a bundle's folder or `model.json`, an `.onnx` file, or the name of a bundle that is
            installed with geoseg or lies in the user's folder. Its weights need not be there yet.

    Raises:
        ModelError: there is none, it is not valid, or it does not say what it needs.
    """
    path = Path(name_or_path)
    if path.is_file() and path.suffix.lower() != ".json":
        return _from_onnx(path)
    return _from_description(description_of(name_or_path))


def list_models() -> tuple[AnyModel, ...]:
    """Return the models that a name finds, sorted: those installed with geoseg, then the user's.

    Raises:
        ModelError: a bundle is not valid.
    """
    return tuple(_from_description(bundle / DESCRIPTION) for bundle in _installed())


def model_names() -> tuple[str, ...]:
    """Return the names that `find_model` knows, without reading the bundles."""
    return tuple(bundle.name for bundle in _installed())


def check_bundle(name_or_path: str | Path) -> tuple[Finding, ...]:
    """Check a model thoroughly: description, card, licence, SHA-256, and the network itself by running it.

    Returns:
        What was found, worst first; empty where nothing is wrong.

    Raises:
        ModelError: there is no such model.
        RuntimeMissingError: onnxruntime is not installed.
    """
    try:
        spec = find_any(str(name_or_path))
    except ModelError as error:
        if not Path(name_or_path).exists():
            raise
        return (Finding(level="error", text=str(error)),)
    card = spec.weights.with_name(CARD)
    findings = [*check_spec(spec)]
    if spec.source == "bundle" and not card.is_file():
        text = f"{card}: there is no card; say what the model was trained on and what it is not for"
        findings.append(Finding(level="warning", text=text))
    return tuple(sorted(findings, key=lambda finding: finding.level))


def description_of(name_or_path: str) -> Path:
    """Return the `model.json` of a bundle: of a folder, or of a name that is installed or the user's.

    Raises:
        ModelError: there is none.
    """
    path = Path(name_or_path)
    if (path / DESCRIPTION).is_file():
        return path / DESCRIPTION
    if path.is_file() and path.suffix.lower() == ".json":
        return path
    for bundle in _installed():
        if bundle.name == name_or_path:
            return bundle / DESCRIPTION
    raise _not_found(name_or_path)


def write_bundle(folder: Path, spec: AnyKind, *, architecture: str = "unknown", card: str = "") -> AnyKind:
    """Write a bundle: the weights (copied unless they lie there), `model.json` and the card.

    Args:
        folder: made if need be.
        spec: what the network needs; `weights` is the ONNX file.
        architecture: its name in the literature.
        card: text of `README.md`; empty: none is written.

    Returns:
        The model as it will be found: with its place, SHA-256 and source.

    Raises:
        ModelError: the weights are not ONNX, or the name cannot be one.
        OutputError: the folder cannot be written, or the network lies in it under another name; nothing is
            changed then.
    """
    if not re.match(NAME, spec.name):
        raise ModelError(f"{spec.name!r} cannot name a model: three or more letters, digits, . _ - or spaces")
    header = read_header(spec.weights)
    with spec.weights.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    weights = folder / spec.weights.name
    written = spec.model_copy(update={"weights": weights, "sha256": sha256, "source": "bundle"})
    size = spec.weights.stat().st_size
    texts = {folder / DESCRIPTION: _describe(written, header, architecture, size)}
    if card:
        texts[folder / CARD] = card
    _write(folder, texts, weights, spec.weights)
    return written


def _write(folder: Path, texts: Mapping[Path, str], weights: Path, source: Path) -> None:
    """Write the files of a bundle together, weights copied from `source` unless they are that file."""
    from geoseg.files.disk import writing  # noqa: PLC0415 - imports GDAL, which naming a model does not need
    from geoseg.files.output_files import OutputFiles, write_texts  # noqa: PLC0415

    own = weights.resolve() == source.resolve()
    if own:
        # A bundle that is described anew: what was read of it is replaced.
        for path in texts:
            not_an_input(path)
    with writing(folder), ExitStack() as stack:
        if not folder.exists():
            folder.mkdir(parents=True)
            stack.callback(_remove_empty, folder)
        beside = stack.enter_context(OutputFiles([*texts, *([] if own else [weights])], overwrite=True))
        if not own:
            shutil.copyfile(source, beside.path(weights))
        write_texts(texts, beside)
        beside.commit()


def _remove_empty(folder: Path) -> None:
    """Remove a folder if nothing is in it."""
    with suppress(OSError):
        folder.rmdir()


def _describe(spec: AnyModel, header: OnnxHeader, architecture: str, size: int) -> str:
    """Text of a bundle's `model.json`; the weights, of `size` bytes, lie beside it."""
    href = f"./{spec.weights.name}"
    if isinstance(spec, ClassifierSpec):
        return from_classifier(spec, href=href, size=size, architecture=architecture)
    shape = next((port.shape for port in header.outputs if port.name == spec.output_name), None)
    shape = shape or header.outputs[0].shape or ()
    planes = (shape[spec.output_dim_order.index("channel")] or -1) if len(shape) == 4 else -1
    return from_spec(spec, href=href, size=size, planes=planes, architecture=architecture)


def architecture_of(spec: AnyModel) -> str:
    """Return what a model's bundle calls its architecture; `unknown` without a bundle.

    Raises:
        ModelError: the bundle is not valid.
    """
    description = spec.weights.parent / DESCRIPTION
    return read_item(description)[0].properties.architecture if description.is_file() else "unknown"


def _installed() -> Iterator[Path]:
    """Folders of the bundles that a name finds; those of geoseg first, each name once."""
    seen: set[str] = set()
    with as_file(files("geoseg.models").joinpath("zoo")) as zoo:
        for folder in (zoo, user_folder()):
            for bundle in sorted(folder.iterdir()) if folder.is_dir() else ():
                if bundle.name not in seen and (bundle / DESCRIPTION).is_file():
                    seen.add(bundle.name)
                    yield bundle


def _from_description(path: Path) -> AnyModel:
    """A `model.json` and its weights, which lie beside it or, if fetched, in the user's folder."""
    opened(path.with_name(CARD))
    item, _ = read_item(path)
    read = to_classifier if item.classifies else to_spec
    href = model_asset(path, item).href
    if not is_remote(href):
        return read(path, path.parent / unquote(re.sub(r"^file:(//)?", "", href)))
    name = weights_name(href)
    beside = path.parent / name
    fetched = user_folder() / path.parent.name / name
    writable = os.access(path.parent, os.W_OK)
    return read(path, beside if beside.is_file() or (writable and not fetched.is_file()) else fetched)


def _from_onnx(path: Path) -> AnyModel:
    """An ONNX file: a `model.json` beside it that means it wins over what is written inside."""
    header = read_header(path)
    for beside in (path.with_suffix(".json"), path.with_name(DESCRIPTION)):
        if beside.is_file():
            described = _from_description(beside)
            if described.weights.resolve() == path.resolve():
                return described
    spec = spec_from_metadata(path, header) or spec_from_deepness(path, header)
    if spec is not None:
        return spec
    keys = ", ".join(sorted(header.metadata)) or "none"
    raise ModelError(
        f"{path}: does not say what it needs: no {DESCRIPTION} beside it, and inside neither geoseg's key "
        f"'geoseg' nor Deepness's 'model_type' and 'class_names' (keys there: {keys}); "
        f"write a {DESCRIPTION} as docs/models.md shows"
    )


def _not_found(name: str) -> ModelError:
    """Name the nearest models, or all where none is near."""
    names = model_names()
    if Path(name).is_dir():
        return ModelError(f"{name}: is a folder without {DESCRIPTION}; a bundle has one beside its network")
    if urlsplit(name).scheme in {"http", "https", "s3"}:
        return ModelError(f"{name}: networks are not read from addresses; fetch the file first")
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    known = f"there are {', '.join(names)}" if names else "none are installed"
    hint = f"did you mean {' or '.join(near)}?" if near else known
    return ModelError(f"{name}: no such file, and no model of that name: {hint}")
