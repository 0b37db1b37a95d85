"""Keep the features of a frozen encoder on disk, so that images that come again are encoded once.

An image is known by the SHA-256 of all that its features depend on: encoder with weights, the normalised
pixels and planes of metadata themselves (hence chip, window, bands and normalisation), the number of images
that are encoded at once, precision and device. So no change of data or config can give old features, and
losses equal those without the cache to the last bit. A file begins with a SHA-256 of its name and content:
one that was damaged or renamed is not read.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from geoseg.errors import ModelError, OutputError
from geoseg.files.disk import free_bytes
from geoseg.files.doors import loading
from geoseg.files.output_files import check_folder
from geoseg.files.scratch import scratch_folder
from geoseg.learn.samples import SampleWindow
from geoseg.learn.train.training_spec import AugmentSpec, TrainSpec
from geoseg.messages import note, warn
from geoseg.models.networks.segmentation import Segmenter

LOG = logging.getLogger(__name__)

SUFFIX = ".features"
_DIGEST_BYTES = 32
SPARE_BYTES = 2**30
"""Free bytes of the disk that the cache leaves."""

Encode = Callable[[Tensor], list[Tensor]]


class FeatureCache:
    """Features of a frozen encoder by image, in files of a folder up to a size."""

    def __init__(self, folder: Path, identity: str, *, limit: float, images: int | None) -> None:
        """Use a folder.

        Args:
            folder: exists; files of other encoders in it are not read, and count.
            identity: of the encoder; see `encoder_identity`.
            limit: greatest size of the files in bytes.
            images: number of different images in training; None: they do not come again, and only those of
                validation are kept.
        """
        self._folder, self._identity, self._limit, self._images = folder, identity, limit, images
        self._bytes = sum(path.stat().st_size for path in folder.glob(f"*{SUFFIX}"))
        self._full = False
        self.read, self.encoded = 0, 0
        """Images whose features were read, and images that were encoded."""

    def __call__(self, planes: Tensor, encode: Encode, *, training: bool) -> list[Tensor]:
        """Return features (N, D, h, w) of each level of images (N, C, H, W), and keep them.

        If one of the images is new, all are encoded: features of an image may differ in the last bits between
        batches of different sizes, and losses should not depend on what is kept.
        """
        if training and self._images is None:
            return encode(planes)
        paths = self._paths(planes)
        stored = {path: _read(path) for path in dict.fromkeys(paths)}
        known = {path: content for path, content in stored.items() if content is not None}
        if len(known) == len(stored):
            self.read += len(paths)
            return _joined([known[path] for path in paths], planes.device)
        levels = encode(planes)
        self.encoded += len(paths)
        if not self._full and self._fits(levels, training=training):
            for index, path in enumerate(paths):
                self._write(
                    path,
                    {
                        "strides": [level.stride() for level in levels],
                        "levels": [level[index].detach().contiguous().cpu() for level in levels],
                    },
                )
        return levels

    def _paths(self, planes: Tensor) -> list[Path]:
        """Return the file of each image of a batch."""
        device = planes.device.type
        autocast = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None
        facts = (self._identity, device, str(autocast), str(planes.dtype), tuple(planes.shape))
        start = hashlib.sha256(repr(facts).encode())
        names = []
        for image in planes.detach().cpu().contiguous():
            digest = start.copy()
            digest.update(image.reshape(-1).view(torch.uint8).numpy())
            names.append(self._folder / f"{digest.hexdigest()}{SUFFIX}")
        return names

    def _fits(self, levels: Sequence[Tensor], *, training: bool) -> bool:
        """Return whether a batch may be kept; the features of a part of the training images save nothing."""
        size = sum(level.nbytes for level in levels)
        whole = size // len(levels[0]) * (self._images or 0) if training else size
        if training and whole > self._limit:
            note(
                LOG,
                f"features of {self._images} training images need {whole / 2**30:.1f} GiB, more than "
                "loop.feature_cache: only those of validation are kept",
            )
            self._images = None
            return False
        if self._bytes + size > self._limit or free_bytes(self._folder) < size + SPARE_BYTES:
            self._full = True
            why = "loop.feature_cache" if self._bytes + size > self._limit else "the free space of its disk"
            note(LOG, f"no further features are kept in {self._folder}: {why} is used up")
            return False
        return True

    def _write(self, path: Path, content: dict[str, Any]) -> None:
        """Write a file at once, so that another training never reads a part; a failure ends the keeping."""
        if self._full or path.exists():
            return
        try:
            memory = io.BytesIO()
            torch.save(content, memory)
            descriptor, name = tempfile.mkstemp(dir=self._folder)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(_digest(path, memory.getbuffer()))
                    file.write(memory.getbuffer())
                os.replace(name, path)
            finally:  # also if the training is interrupted: the folder may be one that stays
                Path(name).unlink(missing_ok=True)
            self._bytes += path.stat().st_size
        except (OSError, RuntimeError) as error:
            self._full = True
            note(LOG, f"{self._folder}: features cannot be written ({error}); the encoder runs each time")


def _read(path: Path) -> dict[str, Any] | None:
    """Return the content of a file; None where there is none, or it is damaged."""
    try:
        whole = memoryview(path.read_bytes())
        stored, body = whole[:_DIGEST_BYTES], whole[_DIGEST_BYTES:]
        if stored != _digest(path, body):
            raise ValueError("the content is not what was written")
        with loading(path, remedy="it is computed again"):
            content: dict[str, Any] = torch.load(io.BytesIO(body), weights_only=True)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, ModelError):
        with suppress(OSError):
            path.unlink()
        return None
    return content


def _digest(path: Path, body: memoryview) -> bytes:
    """Return the SHA-256 of the name and content of a file."""
    digest = hashlib.sha256(path.name.encode())
    digest.update(body)
    return digest.digest()


def _joined(items: Sequence[dict[str, Any]], device: torch.device) -> list[Tensor]:
    """Return the levels of a batch, in the memory layout in which the encoder gave them."""
    made = []
    for level, stride in enumerate(items[0]["strides"]):
        parts = [item["levels"][level] for item in items]
        out = torch.empty_strided((len(parts), *parts[0].shape), stride, dtype=parts[0].dtype, device=device)
        for index, part in enumerate(parts):
            out[index] = part
        made.append(out)
    return made


def encoder_identity(encoder: nn.Module, facts: object) -> str:
    """Return the SHA-256 of an encoder: code, weights, tables, and facts that are not among its tensors."""
    said = {
        "facts": facts,
        "kind": f"{type(encoder).__module__}.{type(encoder).__qualname__}",
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }
    digest = hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode())
    for name, tensor in (*encoder.named_parameters(), *encoder.named_buffers()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def training_images(spec: TrainSpec, places: Sequence[SampleWindow]) -> int | None:
    """Return the number of different crops of a training; None where they are drawn or changed at random.

    Crops repeat if nothing is augmented and each window has the size of a crop.
    """
    side = spec.loop.crop
    whole = all((place.window.height, place.window.width) == (side, side) for place in places)
    return len(places) if whole and spec.augment == AugmentSpec(flips=False) else None


@contextmanager
def kept_features(
    network: Segmenter, spec: TrainSpec, training: Sequence[SampleWindow], folder: Path
) -> Iterator[None]:
    """Keep the features of a frozen encoder while a network is trained.

    Args:
        network: whose encoder is frozen, else nothing is kept.
        spec: the config: `loop.feature_cache`, and `loop.feature_folder`, else a folder that is removed.
        training: windows.
        folder: of the training.

    Raises:
        OutputError: the folder cannot be written.
    """
    body = network.encoder_network
    if body is None or not body.frozen or not spec.loop.feature_cache:
        if spec.loop.feature_folder is not None:
            frozen = body is not None and body.frozen
            why = "loop.feature_cache is 0" if frozen else "the encoder is not frozen (network.train=frozen)"
            warn(LOG, "features-not-kept", f"loop.feature_folder is not used, because {why}")
        yield
        return
    images = training_images(spec, training)
    with ExitStack() as stack:
        kept = spec.loop.feature_folder
        if kept is None:
            place = stack.enter_context(scratch_folder(folder))
        else:
            place = Path(kept)
            check_folder(place, next(part for part in (place, *place.resolve().parents) if part.exists()))
            try:
                place.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise OutputError(f"{place}: loop.feature_folder cannot be written: {error}") from error
        facts = {
            "network": spec.network.model_dump(mode="json", include={"encoder", "patch", "reduce"}),
            "bands": [band.name for band in spec.bands],
            "described": spec.described_encoder.model_dump(mode="json") if spec.described_encoder else None,
            "gsd": spec.resolution,
            "size": spec.loop.crop,
            "scale": spec.scale,
        }
        identity = encoder_identity(body.encoder, facts)
        cache = FeatureCache(place, identity, limit=spec.loop.feature_cache * 2**30, images=images)
        which = "training and validation" if images is not None else "validation"
        note(LOG, f"features of the frozen encoder are kept on disk for {which}")
        body.kept = cache
        try:
            yield
        finally:
            body.kept = None
            note(LOG, f"frozen encoder: {cache.encoded} images encoded, features of {cache.read} read")
