"""`geoseg embed`: the features of a pretrained encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import MAP, Command

if TYPE_CHECKING:
    from geoseg.spec import EmbedSpec

    from .options import Reporting


def embed() -> Command[EmbedSpec]:
    """Write the features of a pretrained encoder, such as Galileo: a vector for each patch of a scene.

    The raster has one pixel per patch, since the encoder sees no finer. Vectors of two files of the same
    encoder, weights, bands and patch may be compared by geoseg change and geoseg segment --like
    (docs/embeddings.md).
    """
    from geoseg.spec import EmbedSpec

    return Command(request=EmbedSpec, run=_run, reporting=MAP)


def _run(request: EmbedSpec, reporting: Reporting) -> None:
    from geoseg.tasks.segment.embed import embed as write

    from .mapping import run

    run(lambda progress: write(request, progress, dry_run=reporting.dry_run), reporting)
