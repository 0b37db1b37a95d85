"""`geoseg embed`: the features of a pretrained encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import map_command

if TYPE_CHECKING:
    from geoseg.spec import EmbedSpec

    from .command import Command


def embed() -> Command[EmbedSpec]:
    """Write the features of a pretrained encoder, such as Galileo: a vector for each patch of a scene.

    The raster has one pixel per patch, since the encoder sees no finer. Vectors of two files of the same
    encoder, weights, bands and patch may be compared by geoseg change and geoseg segment --like
    (docs/embeddings.md).
    """
    from geoseg.spec import EmbedSpec

    return map_command(EmbedSpec, "segment.embed:embed")
