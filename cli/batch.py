"""`geoseg batch`: one map of each of many scenes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from .command import MAP, Command, add, group

if TYPE_CHECKING:
    from geoseg.spec.batch import BatchSpec

    from .options import Reporting

app = group("Map many scenes: workers, resume after interruptions, a summary and a catalogue of all maps.")


def declared_batch(task: str) -> Command[BatchSpec]:
    """Return the batch command of a task, such as `methane plume`."""
    return _declare(task, "")()


def _declare(task: str, text: str) -> Callable[[], Command[BatchSpec]]:
    """Return the declaration of the batch command of a task; `text` is its help."""

    def declare() -> Command[BatchSpec]:
        from geoseg.batch.tasks import task_of
        from geoseg.spec.batch import BatchSpec

        def run(request: BatchSpec, reporting: Reporting) -> None:
            from .batch_run import run_command

            run_command(request, task, reporting)

        return Command(request=BatchSpec, run=run, reporting=MAP, each=task_of(task).offered)

    declare.__doc__ = text
    return declare


def _offer(parent: typer.Typer, name: str, task: str, what: str) -> None:
    text = (
        f"{what} The options of geoseg {task} hold for all scenes; columns of a table override them."
        "\n\n"
        "A scene that fails does not stop the others; the exit code is then 7. The same command continues an "
        "interrupted batch: maps whose inputs, options, model and version are the same are not made again."
    )
    add(parent, name, _declare(task, text))


methane = group("Map methane plumes, or facilities, of many scenes.")
_offer(app, "flood", "flood", "Map flood and surface water of many scenes.")
_offer(app, "change", "change", "Map the change between each scene and an earlier one.")
app.add_typer(methane, name="methane")
_offer(methane, "plume", "methane plume", "Map the methane plumes of many scenes.")
_offer(methane, "facilities", "methane facilities", "Map the facilities of many scenes.")
_offer(app, "segment", "segment", "Map many scenes with a segmentation network.")
_offer(app, "vectorize", "vectorize", "Convert many class rasters to polygons.")
