"""Messages about arrays of a caller in Python, which the task knows as temporary files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from geoseg.errors import GeosegError
from geoseg.run_record import RunRecord, RunWarning


@dataclass(frozen=True)
class ArrayFolder:
    """A folder for files of arrays and polygons, and which argument each file is of."""

    path: Path
    arguments: dict[Path, str] = field(default_factory=dict)

    def own(self, argument: str) -> None:
        """State that files that no argument owns yet are of this one."""
        for file in sorted((*self.path.glob("array*.tif"), *self.path.glob("table-of-*.gpkg"))):
            self.arguments.setdefault(file, argument)

    def in_words(self, text: str) -> str:
        """Return a message with the names of arguments in place of temporary files."""
        for file, argument in self.arguments.items():
            what = "array" if file.suffix == ".tif" else "table"
            # A file could be named for its bands one by one; an array has them in its own order.
            text = re.sub(rf"`--band NAME={re.escape(str(file))}[^`]*`", "`bands=[NAME, …]`", text)
            command = rf"georeference it: `gdal_translate [^`]*{re.escape(str(file))}[^`]*`"
            text = re.sub(command, "give `transform` and `crs`", text)
            for name in (str(file), file.name, file.stem):
                text = re.sub(rf"{re.escape(name)}(?!\.?\w)", f"the {what} of {argument}", text)
        return text

    def record_in_words(self, record: RunRecord) -> RunRecord:
        """Return a record whose notes and warnings name arguments."""
        notes = tuple(map(self.in_words, record.notes))
        return record.model_copy(update={"notes": notes, "warnings": self.warnings_in_words(record.warnings)})

    def warnings_in_words(self, warnings: tuple[RunWarning, ...]) -> tuple[RunWarning, ...]:
        """Return warnings that name arguments."""
        return tuple(item.model_copy(update={"text": self.in_words(item.text)}) for item in warnings)

    @contextmanager
    def named(self) -> Iterator[None]:
        """Name arguments in the errors of a block."""
        try:
            yield
        except GeosegError as error:
            error.args = tuple(self.in_words(item) if isinstance(item, str) else item for item in error.args)
            raise
