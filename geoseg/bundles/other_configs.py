"""Facts from files of other programs: which kind of file it is, and the configs of torch libraries.

Sources: segmentation-models-pytorch 0.6, `save_pretrained` (config.json) and `get_preprocessing_params`;
Hugging Face transformers, image processors (preprocessor_config.json) and `PretrainedConfig` (config.json).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import JsonValue

from geoseg.bundles.description import read_table
from geoseg.bundles.emd import emd_facts
from geoseg.bundles.mlm_facts import mlm_facts
from geoseg.bundles.stated_facts import Facts
from geoseg.errors import ModelError
from geoseg.files.doors import loading
from geoseg.spec import ClassSpec
from geoseg.spec.palette import model_colour

Table = Mapping[str, JsonValue]

RGB = ("red", "green", "blue")


def facts_from(path: Path) -> Facts:
    """Return what a file of another program states about a network.

    Raises:
        ModelError: the file cannot be read, is of no known kind, or is not of a segmentation network.
    """
    if path.suffix.lower() == ".dlpk":
        raise ModelError(f"{path}: is a package (zip); unpack it and give the .emd file in it to `--from`")
    table = read_table(path)
    for keys, read in KINDS:
        if keys & table.keys():
            with loading(path, "is not a valid description", "state its facts with options"):
                return read(path, table)
    raise ModelError(
        f"{path}: is no description that geoseg knows (config.json of segmentation-models-pytorch or Hugging "
        "Face, preprocessor_config.json, MLM item, .emd); state its facts with options"
    )


def smp_facts(path: Path, table: Table) -> Facts:
    """Return the facts of a config.json of segmentation-models-pytorch."""
    planes, channels = _integer(table.get("classes")), _integer(table.get("in_channels"))
    rest = []
    if table.get("encoder_weights"):
        rest.append(
            f"encoder_weights {table['encoder_weights']!r}: how pixels were normalised in training is not "
            "stated; if as for these weights: `--preset imagenet`"
        )
    if table.get("aux_params"):
        rest.append("aux_params: the output of the whole image is not used")
    name = " ".join(str(table[key]) for key in ("_model_class", "encoder_name") if table.get(key))
    return Facts(
        origin=f"{path.name} (segmentation-models-pytorch)",
        channels=channels,
        planes=planes,
        # With an activation in the config, the network ends in it.
        activation="none" if table.get("activation") else None,
        architecture=name or None,
        not_mapped=tuple(f"{path.name}: {text}" for text in rest),
    )


def smp_preprocessing_facts(path: Path, table: Table) -> Facts:
    """Return the facts of parameters of `get_preprocessing_params`, saved as JSON."""
    limits = _numbers(path, table, "input_range")
    order = str(table.get("input_space") or "RGB").upper()
    mean, std = _numbers(path, table, "mean"), _numbers(path, table, "std")
    unit = not limits or limits[-1] == 1
    return Facts(
        origin=f"{path.name} (segmentation-models-pytorch)",
        bands={"RGB": RGB, "BGR": RGB[::-1]}.get(order, ()),
        units="dn",
        scale=1 / 255 if unit else 1.0,
        clip=(0.0, 1.0) if unit else (0.0, 255.0),
        mean=mean,
        std=std,
        measured=False,
    )


def processor_facts(path: Path, table: Table) -> Facts:
    """Return the facts of a preprocessor_config.json of Hugging Face."""
    rescaled = table.get("do_rescale") is not False
    factor = table.get("rescale_factor", 1 / 255)
    if not isinstance(factor, int | float) or not (math.isfinite(factor) and factor > 0):
        raise ModelError(f"{path}: rescale_factor is {factor!r}, not a number above 0")
    scale = float(factor) if rescaled else 1.0
    normalised = table.get("do_normalize") is not False
    listed = _numbers(path, table, "image_mean")
    mean = listed if normalised else (0.0,)
    std = _numbers(path, table, "image_std") if normalised else (1.0,)
    rest = []
    if table.get("do_resize"):
        rest.append(
            f"do_resize to {table.get('size')}: geoseg does not resize: pixels keep their size on the ground"
        )
    if table.get("do_reduce_labels") or table.get("reduce_labels"):
        rest.append("do_reduce_labels: class 0 of the training labels was not learnt")
    return Facts(
        origin=f"{path.name} (Hugging Face)",
        bands=RGB if len(listed) in {0, 3} else (),
        channels=len(listed) or None,
        units="dn",
        scale=scale,
        clip=(0.0, 255 * scale),
        mean=mean,
        std=std,
        measured=False,
        not_mapped=tuple(f"{path.name}: {text}" for text in rest),
    )


def transformers_facts(path: Path, table: Table) -> Facts:
    """Return the facts of a config.json of Hugging Face.

    Raises:
        ModelError: the architecture is not of a network that classifies pixels.
    """
    listed = table.get("architectures")
    names = [str(name) for name in listed] if isinstance(listed, list) else []
    for name in names:
        if any(word in name for word in ("ForImageClassification", "ForObjectDetection", "ForInstance")):
            raise ModelError(f"{path}: is of {name}; geoseg runs networks that classify pixels")
    labels = table.get("id2label")
    labels = labels if isinstance(labels, dict) else {}
    numbers = sorted(int(key) for key in labels if key.isdecimal())
    if len(numbers) < len(labels) or numbers != list(range(len(numbers))) or len(numbers) > 255:
        raise ModelError(f"{path}: the keys of id2label are not the numbers of up to 255 classes from 0")
    rest = []
    if "semantic_loss_ignore_index" in table:
        rest.append(f"semantic_loss_ignore_index {table['semantic_loss_ignore_index']!r}: of training only")
    return Facts(
        origin=f"{path.name} (Hugging Face)",
        channels=_integer(table.get("num_channels")),
        planes=_integer(table.get("num_labels")) or len(numbers) or None,
        classes=tuple(
            ClassSpec(value=number, label=str(labels[str(number)])[:2000], colour=model_colour(number))
            for number in numbers
        ),
        architecture=names[0] if names else _text(table.get("model_type")),
        not_mapped=tuple(f"{path.name}: {text}" for text in rest),
    )


KINDS: tuple[tuple[frozenset[str], Callable[[Path, Table], Facts]], ...] = (
    (frozenset({"stac_version", "stac_extensions"}), mlm_facts),
    (frozenset({"ExtractBands", "ModelFile", "InferenceFunction", "Framework"}), emd_facts),
    (frozenset({"encoder_name"}), smp_facts),
    (frozenset({"input_range", "input_space"}), smp_preprocessing_facts),
    (
        frozenset({"image_mean", "rescale_factor", "image_processor_type", "feature_extractor_type"}),
        processor_facts,
    ),
    (frozenset({"id2label", "architectures", "model_type"}), transformers_facts),
)
"""Keys of which a file of each kind has at least one, and its reader; the first that matches applies."""


def _integer(value: JsonValue) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) and value else None


def _numbers(path: Path, table: Table, key: str) -> tuple[float, ...]:
    value = table.get(key)
    if value is None:
        return ()
    items = value if isinstance(value, list) else [value]
    numbers = tuple(float(item) for item in items if isinstance(item, int | float))
    if len(numbers) != len(items) or not all(map(math.isfinite, numbers)):
        raise ModelError(f"{path}: {key} is {value!r}, not a list of numbers")
    return numbers
