"""`geoseg fit`: a network from labelled points or polygons, in seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geoseg.errors import RuntimeMissingError

from .command import MANY, Command
from .console import open_console, print_json, print_text

if TYPE_CHECKING:
    from geoseg.spec.fit import FitSpec

    from .options import Reporting


def fit() -> Command[FitSpec]:
    """Fit a network to labelled points or polygons, and write it as a bundle; needs seconds and no config.

    Each SCENE is a scene of its own: a raster, a folder of band files or a product. Bands, indices and, with
    --encoder, an embedding are scored alone and together by leaving places out, and the best set is used
    (docs/fit.md).
    """
    from geoseg.spec.fit import FitSpec

    return Command(request=FitSpec, run=_run, reporting=MANY)


def _run(request: FitSpec, reporting: Reporting) -> None:
    try:
        from geoseg.learn.fit.fit_run import fit_network
    except ModuleNotFoundError as error:
        if error.name not in {"onnx", "threadpoolctl"}:
            raise
        raise RuntimeMissingError(
            f"geoseg fit requires the extra `fit`; run pip install 'geoseg[fit]' ({error})"
        ) from error
    from geoseg.learn.fit.report import labels_text, scores_text

    with open_console(reporting.verbosity) as console:
        report = fit_network(request, console.progress)
    if reporting.as_json:
        print_json(report)
        return
    print_text(f"{labels_text(report)}\n\n{scores_text(report)}\n\n{report.verdict}")
    print_text("wrote " + "\n      ".join(report.outputs))
    print_text(f"next: geoseg segment SCENE --model {report.bundle} -o map.gpkg")
