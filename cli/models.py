"""`geoseg models`: which networks there are, what they need, and whether a bundle is sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import Command, add, group
from .console import columns, print_json, print_text, telling

if TYPE_CHECKING:
    from geoseg.spec import AnyModel, ClassifierSpec, ModelSpec, Spec
    from geoseg.spec.training import ModelRequest, PullRequest

    from .options import Reporting

ATMOSPHERES = {
    "surface": "surface reflectance",
    "toa": "top-of-atmosphere reflectance",
    "any": "surface and top-of-atmosphere reflectance",
    None: "not said whether surface or top-of-atmosphere reflectance",
}


def list_all() -> Command[Spec]:
    """List the models that a name finds: those installed with geoseg, then the user's."""
    from geoseg.spec import Spec

    return Command(request=Spec, run=_list)


def _list(_: Spec, reporting: Reporting) -> None:
    from geoseg.bundles.find import list_models

    models = list_models()
    if reporting.as_json:
        print_json({"models": [model.model_dump(mode="json") for model in models]})
    elif not models:
        print_text("no models are installed; --model takes a bundle's folder or an ONNX file all the same")
    else:
        rows: list[tuple[str, ...]] = [("name", "title", "bands", "licence")]
        rows += [(model.name, model.title, _bands(model), model.licence) for model in models]
        print_text(columns(rows))


def show() -> Command[ModelRequest]:
    """Say what a model needs and what it maps."""
    from geoseg.spec.training import ModelRequest

    return Command(
        request=ModelRequest, run=lambda request, reporting: print_model(request.model, reporting.as_json)
    )


def print_model(name: str, as_json: bool) -> None:
    """Find a model and print its description."""
    from geoseg.bundles.find import find_any
    from geoseg.spec import ModelSpec

    found = find_any(name)
    if as_json:
        print_json(found)
    else:
        print_text(model_text(found) if isinstance(found, ModelSpec) else classifier_text(found))


def check() -> Command[ModelRequest]:
    """Check a model: its description, its weights' SHA-256, and that the network fits what is said of it."""
    from geoseg.spec.training import ModelRequest

    return Command(request=ModelRequest, run=_check)


def _check(request: ModelRequest, reporting: Reporting) -> None:
    from geoseg.bundles.find import check_bundle
    from geoseg.errors import ModelError

    model = request.model
    with telling(reporting.verbosity):
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
                print_text(columns(rows))
            if not findings:
                print_text(f"{model}: sound")
            read = [version for version, texts in readers.items() if not texts]
            if read:
                print_text(f"its operators are read by TensorRT {', '.join(read)}")
        if wrong:
            raise ModelError(f"{model}: {len(wrong)} defects")


def _tensorrt(model: str) -> dict[str, list[str]]:
    """What versions of TensorRT would not read of a model's graph: none has to be installed."""
    from geoseg.bundles.find import find_any
    from geoseg.bundles.onnx_operators import read_operators
    from geoseg.runtimes.tensorrt.tensorrt_operators import NEWEST_OPSET, objections

    operators = read_operators(find_any(model).weights)
    return {f"{major}.{minor}": list(objections(operators, (major, minor))) for major, minor in NEWEST_OPSET}


def pull() -> Command[PullRequest]:
    """Fetch the weights that a bundle names by address, and check their SHA-256.

    Small weights come with their bundle; large ones are named there by address and SHA-256. Weights of
    another hash are refused and removed. No other command fetches weights. They go into the folder of the
    bundle's id within $GEOSEG_MODELS, else ~/.local/share/geoseg/models, and nothing is written elsewhere.
    """
    from geoseg.spec.training import PullRequest

    return Command(request=PullRequest, run=_pull, reporting=("quiet", "verbose"))


def _pull(request: PullRequest, reporting: Reporting) -> None:
    from .pull import pull_bundle

    with telling(reporting.verbosity) as console:
        folder = pull_bundle(request.model, console.progress, overwrite=request.overwrite)
    print_text(f"--model {folder}")


app = group("The zoo: which networks there are, what they need, and whether a bundle is sound.")
add(app, "list", list_all)
add(app, "show", show)
add(app, "check", check)
add(app, "pull", pull)


def model_text(model: ModelSpec) -> str:
    """What a model needs, for people."""
    from .show import facts_text, value_text

    size = f"{model.tile} pixels" + (" only" if model.fixed_tile else f", multiples of {model.multiple}")
    facts = [
        ("model", f"{model.name}: {model.title}" if model.title else model.name),
        ("task", model.task),
        ("input", f"{model.units} x {model.scale:g}" + (f", clipped to {model.clip}" if model.clip else "")),
        ("resolution", "any" if model.resolution is None else f"{model.resolution:g} m"),
        ("tile", f"{size}; {model.overlap} shared"),
        ("output", model.activation),
        ("axes", _axes(model)),
        ("background", model.classes[0].label if model.has_background else "none: every class is mapped"),
        ("weights", str(model.weights)),
        ("sha256", model.sha256 or "not stated"),
        ("held out", _evidence(model)),
        ("licence", model.licence),
        ("described by", model.source),
    ]
    if model.units == "reflectance":
        facts.insert(3, ("trained on", ATMOSPHERES[model.atmosphere]))
    bands: list[tuple[str, ...]] = [("band", "mean", "std")]
    bands += [(band.name, f"{band.mean:g}", f"{band.std:g}") for band in model.bands]
    classes: list[tuple[str, ...]] = [("class", "label", "colour")]
    classes += [(value_text(item.value), item.label, item.colour) for item in model.classes]
    return "\n\n".join((facts_text(facts), columns(bands, right=(1, 2)), columns(classes)))


def _axes(model: ModelSpec) -> str:
    given, found = (", ".join(order) for order in (model.dim_order, model.output_dim_order))
    return given if given == found else f"{given}; of the output {found}"


def classifier_text(model: ClassifierSpec) -> str:
    """What a scene classifier needs, for people."""
    from .show import facts_text, value_text

    facts = [
        ("model", f"{model.name}: {model.title}" if model.title else model.name),
        ("task", f"{model.task}, several classes at once"),
        ("footprint", f"{model.footprint:g} m a side"),
        ("output", model.activation),
        ("threshold", f"{model.threshold:g}"),
        ("weights", str(model.weights)),
        ("sha256", model.sha256 or "not stated"),
        ("licence", model.licence),
        ("described by", model.source),
    ]
    inputs: list[tuple[str, ...]] = [("input", "units", "pixels", "of", "band", "mean", "std")]
    for given in model.inputs:
        clip = f", clipped to {given.clip}" if given.clip else ""
        side = model.side(given)
        head = (given.name, f"{given.units} x {given.scale:g}{clip}", f"{side} x {side}")
        for index, band in enumerate(given.bands):
            own = (*head, f"{given.resolution:g} m") if not index else ("", "", "", "")
            inputs.append((*own, band.name, f"{band.mean:g}", f"{band.std:g}"))
    classes: list[tuple[str, ...]] = [("class", "label", "colour")]
    classes += [(value_text(item.value), item.label, item.colour) for item in model.classes]
    return "\n\n".join((facts_text(facts), columns(inputs, right=(5, 6)), columns(classes)))


def _evidence(model: ModelSpec) -> str:
    """How it did where it was not trained."""
    proof = model.evidence
    if proof is None:
        return "not known; geoseg evaluate maps --record finds out"
    low, high = proof.interval
    rival = f", {proof.rival} {proof.rival_score:.3f}" if proof.rival else ""
    verdict = "taken by flood --method auto" if proof.convinces else "not taken by flood --method auto"
    said = f"IoU {proof.score:.3f} ({low:.3f}–{high:.3f}){rival}; {proof.chips} scenes of {proof.data}"
    return f"{said}; {verdict}" if model.task == "flood" else said


def _bands(model: AnyModel) -> str:
    from geoseg.spec import ModelSpec

    if isinstance(model, ModelSpec):
        return " ".join(band.name for band in model.bands)
    return "; ".join(f"{given.name}: {' '.join(band.name for band in given.bands)}" for given in model.inputs)
