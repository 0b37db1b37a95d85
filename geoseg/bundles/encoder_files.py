"""Find the published weights of an encoder on this machine."""

from __future__ import annotations

from pathlib import Path

from geoseg.bundles.installed import user_folder
from geoseg.errors import ModelError
from geoseg.files.inputs import opened
from geoseg.spec import EncoderSpec


def stored_weights(encoder: EncoderSpec) -> Path:
    """Return the path at which downloaded weights of an encoder are stored."""
    name = "" if encoder.weights is None else encoder.weights.url.rpartition("/")[2]
    return user_folder() / "encoders" / encoder.name / name


def weights_file(encoder: EncoderSpec, asked: str, *, key: str = "`--weights FILE`") -> Path:
    """Return the file of an encoder's weights.

    Args:
        encoder: the description.
        asked: `auto` for the downloaded file, or a path.
        key: where the user names a file: an option, or a key of a config.

    Raises:
        ModelError: the file does not exist.
    """
    path = stored_weights(encoder) if asked == "auto" else Path(asked)
    if not path.is_file():
        how = (
            f"fetch the weights ({encoder.licence}) with `geoseg models pull {encoder.name}`, or name a file "
            f"with {key}"
            if asked == "auto"
            else "is a folder; name the file in it"
            if path.is_dir()
            else "there is no such file"
        )
        raise ModelError(f"{path}: weights of encoder {encoder.name}: {how}")
    opened(path)
    return path
