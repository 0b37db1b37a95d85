"""Sessions for tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geoseg.runtimes import Session


class Opaque:
    """A session around another one that is no `Around`, so that its arithmetic is not known."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.planes, self.batch, self.description = session.planes, session.batch, session.description
        self.close = session.close

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._session(batch)
