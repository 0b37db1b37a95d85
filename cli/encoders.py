"""Encoders with published weights: list them, and download their weights."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from geoseg.bundles.encoder_files import stored_weights, weights_file
from geoseg.bundles.installed import user_folder
from geoseg.bundles.pulled import bundle_folder, check_file
from geoseg.errors import ModelError, OutputError
from geoseg.messages import note
from geoseg.spec.presets import encoders
from geoseg.text_columns import align

from .fetch import has_sha256
from .published import fetch_published

if TYPE_CHECKING:
    from geoseg.run_record import Progress
    from geoseg.spec import EncoderSpec

LOG = logging.getLogger(__name__)


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
    return f"geoseg models pull {item.name}"


def _check_keys(encoder: EncoderSpec, weights: Path) -> None:
    """Load weights whose SHA-256 is not known into their encoder, if torch is there.

    Raises:
        ModelError: they cannot be read, or do not fit.
    """
    weights_file(encoder, str(weights))
    try:
        from geoseg.models.networks.encoders.build_encoder import EncoderRequest, build_encoder
    except ImportError:
        note(
            LOG,
            f"{weights}: geoseg knows no SHA-256 of these weights; without the extra train they are checked "
            "when they are used",
        )
        return
    for modality in encoder.modalities:
        bands = tuple(band.name for band in modality.bands)
        build_encoder(EncoderRequest(name=encoder.name, bands=bands, weights=weights), encoder)
    note(LOG, f"{weights}: geoseg knows no SHA-256 of these weights; all of them fit the encoder")


def pull_encoder(
    encoder: EncoderSpec, progress: Progress, *, weights: Path | None = None, overwrite: bool = False
) -> Path:
    """Store the weights of an encoder in the folder of the user; return the file.

    Args:
        encoder: whose weights are wanted.
        progress: called with the number of MiB done.
        weights: the file on this machine; None: a copy of the hub, or the hub.
        overwrite: whether a complete file is fetched again.

    Raises:
        ModelError: the weights have no known SHA-256, or another one.
        FetchError: they cannot be downloaded.
        OutputError: the folder cannot be written, or is a link.
    """
    from geoseg.files.disk import writing
    from geoseg.files.output_files import OutputFiles

    facts = encoder.weights
    if facts is None:
        raise ModelError(f"{encoder.name}: timm fetches its weights: set network.weights to timm")
    note(LOG, f"{encoder.name}: licence of the weights: {encoder.licence}; {encoder.citation}")
    path = stored_weights(encoder)
    where = Path(encoder.name)
    bundle_folder(bundle_folder(user_folder(), path.parent.parent.name, where), encoder.name, where)
    check_file(path)
    complete = path.is_file() and (not facts.sha256 or has_sha256(path, facts.sha256))
    if complete and weights is None and not overwrite:
        note(LOG, f"{path}: already complete")
        return path
    if weights is not None and not facts.sha256:
        if path.is_file() and not overwrite:
            raise OutputError(f"{path}: already exists; add `--overwrite` to replace these weights")
        _check_keys(encoder, weights)
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    with OutputFiles([path], overwrite=True) as beside:
        fetch_published(facts, beside.path(path), progress, weights=weights, home=path.parent)
        beside.commit()
    return path
