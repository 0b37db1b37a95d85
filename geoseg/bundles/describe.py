"""Describe a network of the user: join what is stated, guess the rest from the graph and a tile."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from geoseg.bundles.bundle_check import check_spec
from geoseg.bundles.deepness import deepness_facts
from geoseg.bundles.describe_command import missing_options
from geoseg.bundles.describe_guesses import Entry, Guesses, choose_activation, choose_classes
from geoseg.bundles.foreign_weights import check_format
from geoseg.bundles.graph_trial import Trial, run_trial
from geoseg.bundles.mlm import first_problem
from geoseg.bundles.network_bands import common_names, unknown_names
from geoseg.bundles.network_values import NetworkValues, network_values
from geoseg.bundles.onnx_metadata import KEY, OnnxHeader, read_header
from geoseg.bundles.other_configs import facts_from
from geoseg.bundles.stated_facts import Facts, Merged, imagenet, merge
from geoseg.errors import ModelError, UsageError
from geoseg.files.doors import loading
from geoseg.messages import counted
from geoseg.spec import Atmosphere, ClassSpec, ModelBand, ModelSpec, SensorSpec
from geoseg.spec.describe import DescribeRequest
from geoseg.spec.presets import sensor as find_sensor


@dataclass(frozen=True, kw_only=True)
class Described:
    """A described network."""

    spec: ModelSpec
    architecture: str
    stated: tuple[Entry, ...]
    guessed: tuple[Entry, ...]
    not_mapped: tuple[str, ...]


def describe(request: DescribeRequest, weights: Path, name: str, further: Sequence[Facts] = ()) -> Described:
    """Return the description of a network that has been run once.

    Args:
        request: what the user states.
        weights: the ONNX file.
        name: of the bundle.
        further: facts of the place that the file is from, weaker than all others.

    Raises:
        UsageError: a fact is missing, with the whole command; or options contradict each other.
        ModelError: geoseg cannot run the network, or it contradicts what is stated.
    """
    if weights.exists():
        check_format(weights)
    header = read_header(weights)
    if KEY in header.metadata:
        raise UsageError(
            f"{weights}: already has a description of geoseg; it is used as it is: `--model {weights}`"
        )
    sensor = find_sensor(request.sensor) if request.sensor else None
    merged = merge(_sources(request, weights, header, further))
    facts = merged.facts
    bands = common_names(facts.bands, sensor)
    trial = run_trial(weights, header, len(bands) or facts.channels, _tile(merged, header))
    _check_counts(weights, facts, trial)
    values = network_values(facts, sensor)
    missing_options(request, facts, bands, trial, sensor, has_values=values is not None)
    if values is None:  # for type checkers: missing_options raised
        raise UsageError("add `--scale` or `--units`")
    guesses = Guesses()
    known = _Known(weights=weights, merged=merged, values=values, bands=bands, trial=trial, sensor=sensor)
    spec = _spec(name, known, guesses)
    wrong = [finding.text for finding in check_spec(spec) if finding.level == "error"]
    if wrong:
        raise ModelError(wrong[0])
    return Described(
        spec=spec,
        architecture=facts.architecture or "unknown",
        stated=_stated(merged, spec, values),
        guessed=tuple(guesses.entries),
        not_mapped=facts.not_mapped,
    )


def _sources(
    request: DescribeRequest, weights: Path, header: OnnxHeader, further: Sequence[Facts]
) -> list[Facts]:
    """Return all sources, the strongest first."""
    found = [option_facts(request)]
    if request.preset is not None:
        found.append(imagenet())
    found += [facts_from(path) for path in request.sources]
    with loading(weights, "has invalid keys of Deepness", "state its facts with options"):
        keys = deepness_facts(weights, header)
    if keys is not None:
        found.append(keys)
    return [*found, *further]


def option_facts(request: DescribeRequest) -> Facts:
    """Return what the options state."""
    plain = {*request.mean, *request.std} <= {0.0, 1.0}
    return Facts(
        origin="option",
        bands=request.bands,
        units=request.units,
        scale=request.scale,
        offset=request.offset,
        clip=request.clip,
        mean=request.mean,
        std=request.std,
        measured=not plain if request.mean or request.std else None,
        classes=tuple(
            ClassSpec(value=value, label=label, colour=colour) for value, label, colour in request.classes
        ),
        background=request.background,
        activation=request.activation,
        threshold=request.threshold,
        tile=request.tile,
        resolution=request.resolution,
        licence=request.licence,
        title=request.title,
    )


def _tile(merged: Merged, header: OnnxHeader) -> int | None:
    """Return the stated tile, unless a file states it and the graph has a size of its own."""
    shape = header.inputs[0].shape if header.inputs else None
    sized = shape is not None and len(shape) == 4 and shape[2] is not None and shape[3] is not None
    return None if sized and merged.origins.get("tile") != "option" else merged.facts.tile


def _check_counts(weights: Path, facts: Facts, trial: Trial) -> None:
    """Check the numbers of channels and planes that files state without names."""
    for what, stated, found in (
        ("input channels", facts.channels, trial.channels),
        ("classes", facts.planes, trial.planes),
    ):
        if stated is not None and stated != found:
            raise ModelError(
                f"{weights}: has {found} {what}, the file of `--from` states {stated}: it is of another "
                "network"
            )


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What is known of a network before the guesses."""

    weights: Path
    merged: Merged
    values: NetworkValues
    bands: tuple[str, ...]
    trial: Trial
    sensor: SensorSpec | None


def _spec(name: str, known: _Known, guesses: Guesses) -> ModelSpec:
    """Return the description, with guesses for what is not stated."""
    facts, trial, values = known.merged.facts, known.trial, known.values
    _shape_guesses(trial, guesses)
    for band in unknown_names(known.bands):
        guesses.add("band", band, "of no known sensor; `--band` gives its file when mapping")
    activation = choose_activation(known.weights, trial, facts.activation, guesses)
    classes, background, planes = choose_classes(known.weights, known.merged, trial, guesses)
    overlap = guesses.pick("overlap", facts.overlap, 2 * (trial.side // 16), "an eighth of a tile")
    # A file may state the overlap of other tiles than those of the graph.
    overlap = min(2 * (overlap // 2), 2 * (trial.side // 4))
    threshold = facts.threshold or 0.5
    if trial.planes == 1:
        guesses.pick("threshold", facts.threshold, threshold, "the usual score of one plane")
    try:
        return ModelSpec(
            name=name,
            title=facts.title or name,
            bands=_model_bands(facts, known.bands, values),
            units=values.units,
            scale=values.scale,
            clip=values.clip_without_shift(),
            statistics_known=facts.measured is not False,
            tile=trial.side,
            overlap=overlap,
            multiple=trial.multiple,
            stride=trial.stride,
            fixed_tile=trial.fixed_tile,
            fixed_batch=trial.fixed_batch,
            resolution=_resolution(known, guesses),
            atmosphere=_atmosphere(known, guesses),
            activation=activation,
            threshold=threshold,
            classes=classes,
            background=background,
            planes=planes,
            dim_order=trial.order,
            output_dim_order=trial.output_order,
            output_name=trial.output_name if trial.other_outputs else "",
            licence=facts.licence or "unknown",
            weights=known.weights,
        )
    except ValidationError as error:
        raise UsageError(f"the description is not valid: {first_problem(error)}") from error


def _resolution(known: _Known, guesses: Guesses) -> float | None:
    """Return the pixel size of the training data: stated, else that of the finest band of the sensor."""
    if known.merged.facts.resolution is not None or known.sensor is None:
        return known.merged.facts.resolution
    sizes = [band.resolution for band in known.sensor.bands if band.name in known.bands and band.resolution]
    if sizes:
        guesses.add("resolution", f"{min(sizes):g} m", f"the finest band of {known.sensor.name}")
    return min(sizes, default=None)


def _atmosphere(known: _Known, guesses: Guesses) -> Atmosphere | None:
    """Return which reflectance the sensor's products hold; None: not known, or not reflectance."""
    sensor = known.sensor
    if sensor is None or sensor.units != "reflectance":
        return None
    guess: Atmosphere = "surface" if sensor.surface else "toa"
    guesses.add("atmosphere", guess, f"the values of {sensor.name}")
    if sensor.name in {"sentinel-2-l2a", "sentinel-2-l1c"} and "units" not in known.merged.origins:
        why = f"numbers as stored since baseline 04.00: `--sensor {sensor.name}-offset`"
        guesses.add("stored values", "without the offset of baseline 04.00", why)
    return guess


def _shape_guesses(trial: Trial, guesses: Guesses) -> None:
    """Record what the graph and the tile showed of sizes."""
    last = "channels last" if trial.order[-1] == "channel" else "channels first"
    guesses.add(
        "axes", f"{last}, {trial.channels} channels, {trial.dtype}", "the sizes of the graph, run once"
    )
    guesses.add("planes", f"{trial.planes}, output {trial.output_name}", "the output of a tile")
    if trial.stride > 1:
        why = "the output of a tile; scores are interpolated between them before the activation"
        guesses.add("stride", f"a score for {trial.stride} x {trial.stride} pixels", why)
    if trial.other_outputs:
        guesses.add("other outputs", ", ".join(trial.other_outputs), "not used")
    size = f"{trial.side} only" if trial.fixed_tile else f"{trial.side}, multiples of {trial.multiple}"
    guesses.add("tile", size, "the graph" if trial.fixed_tile else "these sizes ran")
    if trial.fixed_batch is not None:
        guesses.add("batch", str(trial.fixed_batch), "the graph, or two tiles at once did not run")


def _model_bands(facts: Facts, bands: tuple[str, ...], values: NetworkValues) -> tuple[ModelBand, ...]:
    """Return the bands with mean and standard deviation in the units of the spec."""
    lists = {"mean": facts.mean, "std": facts.std}
    for option, numbers in lists.items():
        if not all(map(math.isfinite, numbers)):
            raise UsageError(f"`--{option}`: {', '.join(map(str, numbers))} are not finite numbers")
        if len(numbers) not in {1, len(bands)}:
            raise UsageError(
                f"`--{option}`: {counted(len(numbers), 'number')}"
                f" for {counted(len(bands), 'band')} ({', '.join(bands)}); give "
                "one, or one for each band"
            )
    means, stds = (numbers * len(bands) if len(numbers) == 1 else numbers for numbers in lists.values())
    return tuple(
        ModelBand(name=name, mean=mean - values.shift, std=std)
        for name, mean, std in zip(bands, means, stds, strict=True)
    )


def _stated(merged: Merged, spec: ModelSpec, values: NetworkValues) -> tuple[Entry, ...]:
    """Return the stated facts with their source, for the card."""
    facts = merged.facts
    texts = {
        "bands": ", ".join(band.name for band in spec.bands),
        "mean": ", ".join(f"{number:g}" for number in facts.mean),
        "std": ", ".join(f"{number:g}" for number in facts.std),
        "classes": ", ".join(f"{entry.value} {entry.label}" for entry in facts.classes),
    }
    found = [
        Entry(fact=fact, value=texts.get(fact) or str(getattr(facts, fact)), reason=origin)
        for fact, origin in merged.origins.items()
        if fact not in {"measured", "channels", "planes", "scale", "units", "offset"}
    ]
    scaled = next((merged.origins[fact] for fact in ("scale", "units") if fact in merged.origins), "")
    return (*found, Entry(fact="values", value=values.text, reason=scaled))
