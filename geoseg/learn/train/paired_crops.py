"""Random crops of two modalities on one grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geoseg.learn.samples import Chip, SampleWindow
from geoseg.learn.train.crops import Crops, Statistics, Windows, normalised
from geoseg.learn.train.helper_spec import HelperSpec
from geoseg.learn.train.training_spec import TrainSpec


class PairedCrops(Crops):
    """Crops whose channels are those of the network, then the bands of a helper, then its mask."""

    def __init__(
        self,
        spec: TrainSpec,
        helper: HelperSpec,
        windows: Windows,
        places: Sequence[SampleWindow],
        statistics: tuple[Statistics, Statistics],
    ) -> None:
        """Create crops of windows.

        Args:
            spec: the config.
            helper: its second modality.
            windows: read the bands of both.
            places: the windows.
            statistics: of the bands of the network, and of the helper.
        """
        super().__init__(spec, windows, places, statistics[0])
        self._helper, self._beside = helper, statistics[1]

    def _input(
        self, image: NDArray[np.float32], chip: Chip, lost: int | None, statistics: Statistics
    ) -> NDArray[np.float32]:
        """Return the channels of a crop; the mask is 1 where all bands of the helper are observed."""
        count = len(self._helper.bands)
        own = super()._input(image[:-count], chip, lost, statistics)
        beside = normalised(image[-count:], self._beside, self._helper.scale, None)
        seen = np.isfinite(image[-count:]).all(axis=0, keepdims=True)
        return np.concatenate([own, beside * seen, seen.astype(np.float32)])
