"""Train and export the network of a config, a segmentation network or a scene classifier."""

from __future__ import annotations

from pathlib import Path

from geoseg.errors import UsageError
from geoseg.learn.train.bundle_export import Exported, ExportOptions, export
from geoseg.learn.train.scene_export import export_classifier
from geoseg.learn.train.scene_run import train_classifier
from geoseg.learn.train.scene_spec import SceneTrainSpec
from geoseg.learn.train.trainer import Trained
from geoseg.learn.train.training_folder import task_of
from geoseg.learn.train.training_run import train
from geoseg.learn.train.training_spec import TrainSpec
from geoseg.run_record import Progress
from geoseg.spec.classifiers import SCENE_CLASSIFICATION


def train_any(
    spec: TrainSpec | SceneTrainSpec,
    folder: Path,
    progress: Progress,
    *,
    resume: bool = False,
    start: str | None = None,
) -> Trained:
    """Train the network of a config; see `train` and `train_classifier`."""
    if isinstance(spec, SceneTrainSpec):
        if start is not None:
            raise UsageError("`--from` is for segmentation networks; set network.pretrained of this config")
        return train_classifier(spec, folder, progress, resume=resume)
    return train(spec, folder, progress, resume=resume, start=start)


def export_any(folder: Path, bundle: Path, options: ExportOptions | None = None) -> Exported:
    """Write the network of a training as a bundle; see `export` and `export_classifier`."""
    if task_of(folder) != SCENE_CLASSIFICATION:
        return export(folder, bundle, options)
    if options is not None and options.program:
        raise UsageError(
            "`--program` is for segmentation networks; `--runtime torch` runs no scene classifiers"
        )
    return export_classifier(folder, bundle, options)
