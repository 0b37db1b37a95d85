"""The scratch of a cube: what is written by any windows comes back by groups."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geoseg.errors import OutputError
from geoseg.grid import Window
from geoseg.tasks.methane import scratch_store as store_module
from geoseg.tasks.methane.scratch_store import ScratchStore

ROWS, COLS, BANDS = 17, 23, 4


@given(
    rows=st.integers(1, ROWS),
    cols=st.integers(1, COLS),
    wide=st.integers(1, COLS),
    chunk=st.integers(1, 500),
    held=st.sampled_from([0, 10**6]),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_windows_in_groups_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, cols: int, wide: int, chunk: int, held: int
) -> None:
    monkeypatch.setattr(store_module, "CHUNK", chunk)
    monkeypatch.setattr(store_module, "MEMORY_BYTES", held)
    rng = np.random.default_rng(rows * 100 + cols)
    cube = rng.normal(size=(BANDS, ROWS, COLS)).astype(np.float32)
    cube[2, rng.random((ROWS, COLS)) < 0.2] = np.nan
    seen = np.isfinite(cube[2])
    bounds = [(start, min(start + wide, COLS)) for start in range(0, COLS, wide)]
    with ScratchStore(tmp_path, ROWS, bounds, BANDS) as store:
        for row in range(0, ROWS, rows):
            for col in range(0, COLS, cols):
                window = Window(row=row, col=col, height=min(rows, ROWS - row), width=min(cols, COLS - col))
                place = (slice(row, row + rows), slice(col, col + cols))
                store.write(window, cube[:, *place], seen[place])
        for group, (start, stop) in enumerate(bounds):
            assert store.counts[group] == seen[:, start:stop].sum()
            chunks = store.group(group)
            pixels = np.concatenate([part.radiance() for part in chunks])
            np.testing.assert_array_equal(pixels, cube[:, :, start:stop][:, seen[:, start:stop]].T)
            for part in chunks:
                part.store_enhancement(part.radiance()[:, 0] * 2)
                part.store_signal(-part.radiance()[:, 0])
                np.testing.assert_array_equal(part.enhancement(), part.radiance()[:, 0] * 2)
            store.finish(chunks)
        whole = np.vstack([store.enhancement(0, 5), store.enhancement(5, ROWS)])
        signal = store.signal(0, ROWS)
    np.testing.assert_array_equal(signal, np.where(seen, -cube[0], np.nan))
    np.testing.assert_allclose(whole, np.where(seen, cube[0] * 2, np.nan))
    assert not list(tmp_path.iterdir())


def test_no_room_is_said(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"scratch files cannot be written there \(.*write the output"):
        ScratchStore(tmp_path / "nowhere", 3, [(0, 4)], 2)
