"""The result of a fit: labels, scores of all sets of features, and the card of the bundle."""

from __future__ import annotations

from collections.abc import Sequence

from geoseg.learn.fit.features import EMBEDDING
from geoseg.learn.fit.validation import CLEAR
from geoseg.run_record import RunWarning
from geoseg.spec import ModelSpec, Spec
from geoseg.text_columns import align


class ClassLabels(Spec):
    """The labels of a class that were used."""

    value: int
    label: str
    labels: int
    """Points and polygons."""
    pixels: int
    places: int


class SetReport(Spec):
    """Scores of a set of features at places that were left out."""

    name: str
    """Groups of features, joined by +."""
    features: int
    """Number of features."""
    score: float
    """IoU with equal weight of the classes: of the second of two, else the mean."""
    interval: tuple[float, float]
    """95 % interval over places."""
    recall: float
    """Mean over classes of the share of pixels that are right."""
    used: bool


class FitReport(Spec):
    """What was fitted, and how well it maps places that it was not fitted to."""

    bundle: str
    head: str
    setting: float
    """Ridge penalty, or number of neighbours."""
    classes: tuple[ClassLabels, ...]
    scenes: tuple[str, ...]
    bands: tuple[str, ...]
    places: int
    folds: int
    sets: tuple[SetReport, ...]
    verdict: str
    """Which set is used and why, in one sentence."""
    outputs: tuple[str, ...]
    warnings: tuple[RunWarning, ...] = ()


def labels_text(report: FitReport) -> str:
    """Return the table of labels."""
    rows = [("class", "labels", "pixels", "places")]
    rows += [
        (f"{item.value} {item.label}", str(item.labels), str(item.pixels), str(item.places))
        for item in report.classes
    ]
    return align(rows)


def scores_text(report: FitReport) -> str:
    """Return the table of sets of features."""
    rows = [("features", "number", "IoU", "95 % interval", "recall", "")]
    rows += [
        (
            item.name,
            str(item.features),
            f"{item.score:.3f}",
            f"{item.interval[0]:.3f} to {item.interval[1]:.3f}",
            f"{item.recall:.3f}",
            "used" if item.used else "",
        )
        for item in report.sets
    ]
    return align(rows)


def verdict(
    used: SetReport, sets: Sequence[SetReport], gain: tuple[float, float] | None, *, named: bool
) -> str:
    """Return in one sentence which set is used and, if there is an encoder, whether it helps.

    Args:
        used: the set.
        sets: all that were scored.
        gain: 95 % interval of the score of the best set with the embedding less that of the best set without
            it; None: there is no encoder.
        named: whether the user named the set.
    """
    why = "as `--features` says" if named else "the best score" if len(sets) > 1 else "the only features"
    if not named and used.score < max(item.score for item in sets) - CLEAR:
        why = "since the embedding gains less than the standard error of its gain"
    text = f"used: {used.name}, {why} (IoU {used.score:.3f})"
    if gain is None:
        return text
    plain = max((item for item in sets if EMBEDDING not in item.name), key=lambda item: item.score)
    deep = max((item for item in sets if EMBEDDING in item.name), key=lambda item: item.score)
    change = f"{deep.score - plain.score:+.3f} ({gain[0]:+.3f} to {gain[1]:+.3f})"
    what = "helps" if gain[0] > 0 else "does not help" if gain[1] < 0 or deep.score <= plain.score else ""
    found = f"the embedding {what}" if what else "whether the embedding helps is not certain"
    return f"{text}; {found}: {deep.name} against {plain.name} {change}"


def card_text(report: FitReport, model: ModelSpec, labels: Sequence[str], sensors: Sequence[str]) -> str:
    """Return the model card of a fitted bundle."""
    facts = [
        ("bands", f"{', '.join(band.name for band in model.bands)} ({model.units})"),
        ("classes", ", ".join(f"{item.value} {item.label}" for item in model.classes)),
        ("head", f"{report.head}, {'neighbours' if report.head == 'knn' else 'penalty'} {report.setting:g}"),
        ("labels", ", ".join(labels)),
        ("scenes", ", ".join(report.scenes)),
        ("sensors", ", ".join(sensors) or "not known"),
        ("pixel size", f"{model.resolution:.3g} m" if model.resolution else "not known"),
        *([("encoder", model.encoder)] if model.encoder else []),
        ("licence", model.licence),
    ]
    return "\n".join(
        [
            f"# {model.name}",
            "",
            f"A small classifier of pixels, fitted to labelled places by `geoseg fit`. {report.verdict}.",
            "",
            "| | |",
            "|---|---|",
            *(f"| {name} | {text} |" for name, text in facts),
            "",
            "## Labels",
            "",
            "| class | labels | pixels | places |",
            "|---|---|---|---|",
            *(
                f"| {item.value} {item.label} | {item.labels} | {item.pixels} | {item.places} |"
                for item in report.classes
            ),
            "",
            "## Scores",
            "",
            f"Labels of {report.places} places in {report.folds} parts, each mapped by a head that was "
            "fitted to the others. IoU with equal weight of the classes; the interval is a bootstrap over "
            "places, or the errors that are possible where no place has one. The set in use has the best of "
            "these scores, which makes its score slightly optimistic.",
            "",
            "| features | number | IoU | 95 % interval | recall | |",
            "|---|---|---|---|---|---|",
            *(
                f"| {item.name} | {item.features} | {item.score:.3f} | {item.interval[0]:.3f} to "
                f"{item.interval[1]:.3f} | {item.recall:.3f} | {'used' if item.used else ''} |"
                for item in report.sets
            ),
            "",
            "## Limits",
            "",
            "It knows the ground of its labels only: other seasons, sensors and landscapes need labels of "
            "their own. Scores are of labelled places, which are seldom a random sample of the map: "
            "`geoseg evaluate sample` and `area` measure the accuracy of a map.",
            "",
        ]
    )
