"""`geoseg models`: list, show, describe, check and download networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geoseg.messages import counted
from geoseg.text_columns import align

from . import describe
from .command import Command, add, group
from .console import open_console, print_json, print_text

if TYPE_CHECKING:
    from geoseg.spec import ModelSpec, ScoredSet
    from geoseg.spec.training import ListRequest, ModelRequest, PullRequest

    from .options import Reporting

ATMOSPHERES = {
    "surface": "surface reflectance",
    "toa": "top-of-atmosphere reflectance",
    "any": "surface and top-of-atmosphere reflectance",
    None: "not stated whether surface or top-of-atmosphere reflectance",
}


def list_all() -> Command[ListRequest]:
    """List the models available by name: those installed with geoseg, then those of the user."""
    from geoseg.spec.training import ListRequest

    return Command(request=ListRequest, run=_list)


def _list(request: ListRequest, reporting: Reporting) -> None:
    from geoseg.bundles.find import list_models
    from geoseg.bundles.installed import hidden_bundles

    if request.encoders or request.published:
        _list_described(request, reporting)
        return
    models = list_models()
    if reporting.as_json:
        print_json(
            {
                "models": [
                    {**model.model_dump(mode="json"), "not_default_because": default_of(model)}
                    for model in models
                ]
            }
        )
    elif not models:
        print_text("no models are installed; --model also accepts the folder of a bundle or an ONNX file")
    else:
        rows: list[tuple[str, ...]] = [("name", "title", "bands", "licence", "default")]
        rows += [
            (model.name, model.title, _bands(model), model.licence, "no" if default_of(model) else "yes")
            for model in models
        ]
        print_text(align(rows))
        reasons = [f"  {model.name}: {why}" for model in models if (why := default_of(model))]
        if reasons:
            print_text("\n".join(("", "used with --model only:", *reasons)))
        if hidden := [f"  --model {folder}" for folder in hidden_bundles()]:
            print_text("\n".join(("", "not used by name, because geoseg has a model of that name:", *hidden)))


def _list_described(request: ListRequest, reporting: Reporting) -> None:
    """Print the encoders that networks can be trained on, or the published networks, or both."""
    from geoseg.spec.presets import encoders, published_models

    from .encoders import encoders_text
    from .published import published_text

    parts = {}
    if request.encoders:
        parts["encoders"] = encoders_text(), [item.model_dump(mode="json") for item in encoders().values()]
    if request.published:
        listed = [item.model_dump(mode="json") for item in published_models().values()]
        parts["published"] = published_text(), listed
    if reporting.as_json:
        print_json({name: listed for name, (_, listed) in parts.items()})
    else:
        print_text("\n\n".join(text for text, _ in parts.values()))


def show() -> Command[ModelRequest]:
    """Describe a model: the bands it needs and the classes it maps."""
    from geoseg.spec.training import ModelRequest

    return Command(
        request=ModelRequest, run=lambda request, reporting: print_model(request.model, reporting.as_json)
    )


def print_model(name: str, as_json: bool) -> None:
    """Find a model and print its description."""
    from geoseg.bundles.find import find_any

    model = find_any(name)
    if as_json:
        print_json(model)
    else:
        print_text(classifier_text(model) if model.classifies else model_text(model))


def check() -> Command[ModelRequest]:
    """Check a model: description, SHA-256 of the weights, and agreement of network and description."""
    from geoseg.spec.training import ModelRequest

    return Command(request=ModelRequest, run=_check)


def _check(request: ModelRequest, reporting: Reporting) -> None:
    from geoseg.bundles.find import check_bundle
    from geoseg.errors import ModelError

    model = request.model
    with open_console(reporting.verbosity):
        findings = check_bundle(model)
        wrong = [item.text for item in findings if item.level == "error"]
        readers = {} if wrong else _tensorrt(model)
        if reporting.as_json:
            found = [(item.level, item.text) for item in findings]
            print_json({"model": model, "findings": found, "tensorrt": readers})
        else:
            rows: list[tuple[str, ...]] = [(item.level, item.text) for item in findings]
            rows += [
                ("note", "; ".join(texts)) for texts in dict.fromkeys(map(tuple, readers.values())) if texts
            ]
            if rows:
                print_text(align(rows))
            if not findings:
                print_text(f"{model}: no defects found")
            read = [version for version, texts in readers.items() if not texts]
            if read:
                print_text(f"TensorRT {', '.join(read)} can read all of its operators")
        if wrong:
            raise ModelError(f"{model}: {counted(len(wrong), 'defect')}")


def _tensorrt(model: str) -> dict[str, list[str]]:
    """Return the operators of a model that each version of TensorRT cannot read; TensorRT is not needed."""
    from geoseg.bundles.find import find_any
    from geoseg.bundles.onnx_operators import read_operators
    from geoseg.runtimes.tensorrt.tensorrt_operators import NEWEST_OPSET, objections

    operators = read_operators(find_any(model).weights)
    return {f"{major}.{minor}": list(objections(operators, (major, minor))) for major, minor in NEWEST_OPSET}


def pull() -> Command[PullRequest]:
    """Download the weights of a bundle, an encoder or a published network and check their SHA-256.

    Bundles contain small weights; large weights are given by URL and SHA-256. Weights with another SHA-256
    are removed. A published network is converted to a bundle, which needs the extra train. No other command
    downloads weights. They are stored in $GEOSEG_MODELS, else in ~/.local/share/geoseg/models, in a folder
    named after the bundle.
    """
    from geoseg.spec.training import PullRequest

    return Command(request=PullRequest, run=_pull, reporting=("quiet", "verbose"))


def _pull(request: PullRequest, reporting: Reporting) -> None:
    from geoseg.errors import UsageError
    from geoseg.spec.presets import encoders, published_models

    from .encoders import pull_encoder
    from .published import pull_published
    from .pull import pull_bundle

    name, weights, overwrite = request.model, request.weights, request.overwrite
    with open_console(reporting.verbosity) as console:
        progress = console.progress
        if (encoder := encoders().get(name)) is not None:
            path = pull_encoder(encoder, progress, weights=weights, overwrite=overwrite)
            text = f"network.encoder {name}: {path}"
        elif (published := published_models().get(name)) is not None:
            path = pull_published(published, progress, weights=weights, overwrite=overwrite)
            text = f"--model {path}"
        elif weights is not None:
            raise UsageError(f"`--weights` is for encoders and published networks; {name} is none; remove it")
        else:
            text = f"--model {pull_bundle(name, progress, overwrite=overwrite)}"
    print_text(text)


app = group("List, show, describe, check and download networks.")
add(app, "list", list_all)
add(app, "show", show)
add(app, "describe", describe.describe)
add(app, "check", check)
add(app, "pull", pull)


def model_text(model: ModelSpec) -> str:
    """Return the description of a segmentation network as text."""
    from .show import facts_text, value_text

    size = f"{model.tile} pixels" + (" only" if model.fixed_tile else f", multiples of {model.multiple}")
    facts = [
        ("model", f"{model.name}: {model.title}" if model.title else model.name),
        ("task", model.task),
        ("input", f"{model.units} x {model.scale:g}" + (f", clipped to {model.clip}" if model.clip else "")),
        ("resolution", "any" if model.resolution is None else f"{model.resolution:g} m"),
        ("tile", f"{size}; overlap {model.overlap}"),
        ("output", model.activation),
        ("axes", _axes(model)),
        ("background", model.classes[0].label if model.has_background else "none: every class is mapped"),
        ("weights", str(model.weights)),
        ("sha256", model.sha256 or "not stated"),
        ("default", f"no: {default_of(model)}" if default_of(model) else "yes"),
        ("licence", model.licence),
        ("described by", model.source),
    ]
    if model.metadata:
        facts.insert(3, ("metadata", " ".join(model.metadata)))
    if model.program:
        facts.append(("program of torch", model.program))
    if model.encoder:
        facts.append(("encoder", model.encoder))
    if model.units == "reflectance":
        facts.insert(3, ("trained on", ATMOSPHERES[model.atmosphere]))
    bands: list[tuple[str, ...]] = [("band", "mean", "std")]
    bands += [(band.name, f"{band.mean:g}", f"{band.std:g}") for band in model.bands]
    classes: list[tuple[str, ...]] = [("class", "label", "colour")]
    classes += [(value_text(item.value), item.label, item.colour) for item in model.classes]
    scores = f"scores on scenes not trained on\n{_evidence(model)}"
    return "\n\n".join((facts_text(facts), align(bands, right=(1, 2)), align(classes), scores))


def _axes(model: ModelSpec) -> str:
    axes, output = (", ".join(order) for order in (model.dim_order, model.output_dim_order))
    return axes if axes == output else f"{axes}; of the output {output}"


def classifier_text(model: ModelSpec) -> str:
    """Return the description of a scene classifier as text."""
    from .show import facts_text, value_text

    facts = [
        ("model", f"{model.name}: {model.title}" if model.title else model.name),
        ("task", f"{model.task}, several classes at once"),
        ("footprint", f"{model.footprint:g} x {model.footprint:g} m"),
        ("output", model.activation),
        ("threshold", f"{model.threshold:g}"),
        ("weights", str(model.weights)),
        ("sha256", model.sha256 or "not stated"),
        ("licence", model.licence),
        ("described by", model.source),
    ]
    inputs: list[tuple[str, ...]] = [("input", "units", "pixels", "of", "band", "mean", "std")]
    for item in model.inputs:
        clip = f", clipped to {item.clip}" if item.clip else ""
        side = model.side(item)
        head = (item.name, f"{item.units} x {item.scale:g}{clip}", f"{side} x {side}")
        for index, band in enumerate(item.bands):
            cells = (*head, f"{item.pixel_m:g} m") if not index else ("", "", "", "")
            inputs.append((*cells, band.name, f"{band.mean:g}", f"{band.std:g}"))
    classes: list[tuple[str, ...]] = [("class", "label", "colour")]
    classes += [(value_text(item.value), item.label, item.colour) for item in model.classes]
    return "\n\n".join((facts_text(facts), align(inputs, right=(5, 6)), align(classes)))


def default_of(model: ModelSpec) -> str:
    """Return why no command uses a model unless it is named; empty if one does."""
    may_be = model.task == "flood" or model.classifies
    return model.objection if may_be else f"{model.task} has no default network"


def _evidence(model: ModelSpec) -> str:
    """Return the scores of a model on scenes that it was not trained on, and of its rivals."""
    if model.evidence is None:
        return "not measured; run geoseg evaluate maps --record"
    return "\n".join(line for item in model.evidence.sets for line in _set_lines(item))


def _set_lines(item: ScoredSet) -> list[str]:
    low, high = item.interval
    left_out = [
        f"{name} {', '.join(names)}"
        for name, names in zip(("sensor", "region", "event"), item.left_out.names, strict=True)
        if names
    ]
    lines = [
        f"{item.name}: {item.scenes} scenes; left out: {'; '.join(left_out) or 'no sensor, region or event'}",
        f"  IoU {item.score:.3f} ({low:.3f}–{high:.3f}){_others(item.mean, item.dry)}",
    ]
    for rival in item.rivals:
        gain = "; gain {:+.3f} to {:+.3f}".format(*rival.gain) if rival.gain else ""
        lines.append(f"  {rival.name} {rival.score:.3f}{_others(rival.mean, rival.dry)}{gain}")
    return lines


def _others(mean: float | None, dry: float | None) -> str:
    """Return the mean over scenes and the share of false positives in dry ones, where they are known."""
    parts = (
        "" if mean is None else f", mean {mean:.3f}",
        "" if dry is None else f", {dry:.2%} of dry scenes",
    )
    return "".join(parts)


def _bands(model: ModelSpec) -> str:
    if not model.classifies:
        return " ".join(band.name for band in model.bands)
    return "; ".join(f"{item.name}: {' '.join(band.name for band in item.bands)}" for item in model.inputs)
