"""What opening a scene has to say: what was chosen, and what may be wrong."""

from __future__ import annotations

from dataclasses import dataclass, field

from geoseg.scenes.product import LeftOut


@dataclass(kw_only=True)
class Remarks:
    """Notes and warnings, collected without repeats."""

    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Tell what was chosen."""
        if text not in self.notes:
            self.notes.append(text)

    def warn(self, text: str) -> None:
        """Tell what may be wrong."""
        if text not in self.warnings:
            self.warnings.append(text)
