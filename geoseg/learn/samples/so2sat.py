"""So2Sat LCZ42 (Zhu et al. 2020, doi:10.1109/MGRS.2020.2964708): patches of 32 x 32 pixels in HDF5 files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from geoseg.errors import RuntimeMissingError, SceneError, SceneReadError, UsageError
from geoseg.files.doors import opening
from geoseg.files.inputs import opened
from geoseg.learn.samples.sample_files import ROLES

FILES = {"train": "training.h5", "val": "validation.h5", "test": "testing.h5"}
"""File of each part of the split, in versions 2 and 3 (version 3 has no validation file)."""

BANDS = (
    "sar1", "sar2", "sar3", "sar4", "vh", "vv", "sar7", "sar8",
    "blue", "green", "red", "rededge071", "rededge075", "rededge078", "nir", "nir08", "swir16", "swir22",
)  # fmt: skip
"""Channels of `sen1`, then of `sen2` (reflectance).

`vh` and `vv` are intensities in power by the refined Lee filter. The others are no bands of a sensor: `sar1`
to `sar4` are the real and imaginary parts of VH, then of VV, without a filter; `sar7` and `sar8` those of the
element off the diagonal of the filtered covariance matrix. The order is that which the authors state.
"""

CLASSES = (
    "compact high-rise", "compact mid-rise", "compact low-rise", "open high-rise", "open mid-rise",
    "open low-rise", "lightweight low-rise", "large low-rise", "sparsely built", "heavy industry",
    "dense trees", "scattered trees", "bush and scrub", "low plants", "bare rock or paved",
    "bare soil or sand", "water",
)  # fmt: skip
"""Local climate zones 1 to 10 and A to G, in the order of the labels."""


class So2Sat:
    """The patches of one file, with the interface of a TorchGeo data set."""

    classes = CLASSES

    def __init__(self, root: str | Path, split: str) -> None:
        """Open the file of a part of the split.

        Raises:
            RuntimeMissingError: h5py is not installed.
            UsageError: the split has no such part.
            SceneReadError: the file does not exist or cannot be read.
            SceneError: it has other arrays.
        """
        try:
            import h5py  # noqa: PLC0415 - optional
        except ImportError as error:
            raise RuntimeMissingError("So2Sat requires h5py; run pip install h5py") from error
        name = FILES.get(ROLES.get(split.lower(), ""))
        if name is None:
            raise UsageError(f"so2sat has no part {split!r}: `--splits` takes {', '.join(FILES)}")
        path = Path(root) / name
        opened(path)
        if not path.is_file():
            raise SceneReadError(
                f"{path} does not exist; So2Sat has the files {', '.join(FILES.values())}: unpack them, set "
                "`--argument root=FOLDER`, or leave the part out of `--splits`"
            )
        with opening(path, "give a file of So2Sat LCZ42"):
            self._file: Any = h5py.File(path, "r")
        names = [name for name in ("sen1", "sen2", "label") if name in self._file]
        shapes = {name: self._file[name].shape[1:] for name in names}
        if shapes != {"sen1": (32, 32, 8), "sen2": (32, 32, 10), "label": (17,)}:
            raise SceneError(f"{path}: sen1, sen2 or label of So2Sat is missing or has another size")

    def __len__(self) -> int:
        return len(self._file["label"])

    def __getitem__(self, number: int) -> dict[str, Any]:
        """Return `image` (18, 32, 32) and `label`, the vector of 0 and 1."""
        image = np.concatenate([self._file["sen1"][number], self._file["sen2"][number]], axis=-1)
        return {"image": image.transpose(2, 0, 1), "label": self._file["label"][number] > 0}
