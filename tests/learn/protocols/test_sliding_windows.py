"""Windows of PANGAEA: where they start, and that overlapping logits are averaged."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from geoseg.learn.protocols.sliding_windows import sliding_logits, window_starts  # noqa: E402


@pytest.mark.parametrize(
    ("side", "size", "expected"),
    [
        (512, 224, (0, 144, 288)),
        (224, 224, (0,)),
        (225, 224, (0, 1)),
        (448, 224, (0, 224)),
        (10, 4, (0, 3, 6)),
    ],
)
def test_windows_are_spread_evenly(side: int, size: int, expected: tuple[int, ...]) -> None:
    assert window_starts(side, size) == expected


def column(planes: Any) -> Any:
    """Return logits that tell the column of a pixel within its window, and its value."""
    columns = torch.arange(planes.shape[-1], dtype=planes.dtype).expand(
        planes.shape[0], 1, *planes.shape[-2:]
    )
    return torch.cat([columns, planes[:, :1]], dim=1)


def test_logits_of_overlapping_windows_are_averaged() -> None:
    planes = torch.arange(6.0).expand(1, 3, 6)
    logits = sliding_logits(column, planes, 4)
    # Windows start at 0 and 2: column 2 is 2 in the first and 0 in the second.
    assert logits[0, 0].tolist() == [0, 1, (2 + 0) / 2, (3 + 1) / 2, 2, 3]
    assert torch.equal(logits[1], planes[0])
    assert logits.shape == (2, 3, 6)


def test_many_windows_are_one_image() -> None:
    planes = torch.rand(2, 37, 29, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(sliding_logits(torch.nn.Identity(), planes, 8), planes)
