"""What training reads of a labelled set: the shares of its classes."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra `train` is not installed")

from geoseg.errors import SceneError
from geoseg.learn.train.crops import check_shares
from geoseg.spec import ClassSpec
from tests.messages import Messages

CLASSES = tuple(
    ClassSpec(value=value, label=label, colour="#000000")
    for value, label in enumerate(("land", "open water", "ice"))
)


def test_a_class_without_a_training_pixel_is_a_warning(messages: Messages) -> None:
    check_shares(np.array([0.5, 0.3, 0.2]), CLASSES)
    assert not messages.warnings
    check_shares(np.array([0.0, 1.0, 0.0]), CLASSES)
    assert messages.codes == ["class-without-samples"]
    assert "no training pixel has the class land, ice" in messages.warnings[0]


def test_labels_without_a_pixel_are_an_error() -> None:
    with pytest.raises(SceneError, match="no training pixel has a label"):
        check_shares(np.zeros(3), CLASSES)
