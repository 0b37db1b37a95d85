"""Encoders with published weights: list them, and download their weights."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from geoseg.bundles.encoder_files import stored_weights
from geoseg.bundles.installed import user_folder
from geoseg.bundles.pulled import bundle_folder, check_file
from geoseg.errors import ModelError
from geoseg.messages import note
from geoseg.spec.presets import encoders
from geoseg.text_columns import align

from .fetch import has_sha256
from .pull import fetch_weights

if TYPE_CHECKING:
    from geoseg.run_record import Progress
    from geoseg.spec import EncoderSpec

LOG = logging.getLogger(__name__)

HUB = "https://huggingface.co"
"""Address of the Hugging Face hub, unless HF_ENDPOINT names a mirror."""


def encoders_text() -> str:
    """Return the table of encoders."""
    rows: list[tuple[str, ...]] = [("name", "title", "bands", "dates", "patch", "licence", "weights")]
    for item in encoders().values():
        low, high = item.dates
        dates = str(low) if low == high else f"{low} to {high}"
        rows.append(
            (item.name, item.title, " ".join(item.bands), dates, _patches(item), item.licence, _state(item))
        )
    return align(rows)


def _patches(item: EncoderSpec) -> str:
    low, high = item.patches
    return f"{item.patch} px" if low == high else f"{item.patch} px ({low} to {high})"


def _state(item: EncoderSpec) -> str:
    """Return where the weights are."""
    if item.weights is None:
        return "of timm: network.weights timm"
    path = stored_weights(item)
    if path.is_file():
        return str(path)
    return f"geoseg models pull {item.name}" if item.weights.sha256 else "network.weights FILE"


def pull_encoder(encoder: EncoderSpec, progress: Progress, *, overwrite: bool = False) -> Path:
    """Download the weights of an encoder into the folder of the user; return the file.

    Raises:
        ModelError: the weights have no known SHA-256, or another one.
        FetchError: they cannot be downloaded.
        OutputError: the folder cannot be written, or is a link.
    """
    from geoseg.files.disk import writing
    from geoseg.files.output_files import OutputFiles

    facts = encoder.weights
    if facts is None or not facts.sha256:
        raise ModelError(
            f"{encoder.name}: the SHA-256 of its weights is not known to geoseg, and weights that cannot be "
            "checked are not downloaded; fetch the file yourself and name it in network.weights"
        )
    note(LOG, f"{encoder.name}: licence of the weights: {encoder.licence}; {encoder.citation}")
    path = stored_weights(encoder)
    where = Path(encoder.name)
    bundle_folder(bundle_folder(user_folder(), path.parent.parent.name, where), encoder.name, where)
    check_file(path)
    if has_sha256(path, facts.sha256) and not overwrite:
        note(LOG, f"{path}: already complete")
        return path
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    with OutputFiles([path], overwrite=True) as beside:
        fetch_weights(
            address_of(facts.url),
            facts.sha256,
            beside.path(path),
            progress,
            size=facts.size or None,
            home=path.parent,
        )
        beside.commit()
    return path


def address_of(url: str) -> str:
    """Return the address of a file; `hub:OWNER/NAME/FILE` is on the Hugging Face hub or its mirror."""
    if not url.startswith("hub:"):
        return url
    owner, name, file = url.removeprefix("hub:").split("/", 2)
    return f"{os.environ.get('HF_ENDPOINT', HUB).rstrip('/')}/{owner}/{name}/resolve/main/{file}"
