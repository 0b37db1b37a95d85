"""Measure what bands, indices and an embedding give a network that is fitted to few labels.

    python bench/fit.py water|classes [--data FOLDER] [--encoder NAME] [--weights FILE] [--head NAME]
                                      [--draws N] [--cache FOLDER]

`water`: clicks on the chips of water-hls, without the eight chips whose labels disagree with their image. In
each draw, 25 random pixels of water and 25 of land are clicked in a random half of the chips, and the pixels
of the other half are mapped (every second row and column). Printed: the mean IoU of water over the draws for
every set of features, with a bootstrap interval over chips; how often `geoseg fit` takes the set by its own
score of the clicks; and the IoU of the sets that it takes. The chips have no coordinates: neighbours in
number may be neighbours on the ground. Tiles of the encoder do not overlap here.

`classes`: five classes in the cities of change-s2 (first date), by the points of bench/fit_classes.geojson,
which were drawn by spectral rules and labelled by eye. Each city is mapped by a head that was fitted to the
others.

The encoder is used with its published weights and with random ones. GEOSEG_TEST_DATA and GEOSEG_TEST_WEIGHTS
name the folders (default: ../shared/data and ../shared/weights next to the repository). Features are kept in
the cache folder, since the encoder takes minutes on a CPU.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoseg.engine.normalise import Normaliser, scene_statistics
from geoseg.learn.fit.encoder_features import PixelEncoder
from geoseg.learn.fit.features import BANDS, EMBEDDING, INDEX, FeatureTable, index_values, indices_of
from geoseg.learn.fit.label_pixels import LabelPixels, pixels_of
from geoseg.learn.fit.labels import classes_of, counts_text, positions_of, read_labels
from geoseg.learn.fit.scene_pixels import OF_AIR, read_values
from geoseg.learn.fit.validation import Labelled, balanced_score, best_set, fit_chosen, score_sets
from geoseg.methods.accuracy import accuracy, count, interval, main_score
from geoseg.runtimes.choose import open_session
from geoseg.scenes import Scene, open_scene
from geoseg.scenes.threshold_sample import sample
from geoseg.spec import InputSpec, ModelBand, SceneSpec
from geoseg.spec.presets import sensors
from geoseg.tasks.segment.encoded_scene import bands_in_common
from geoseg.tasks.segment.encoder_bundle import EncoderChoice, described_encoder, encoder_bundle

SHARED = Path(__file__).parents[2] / "shared"
DATA = Path(os.environ.get("GEOSEG_TEST_DATA", SHARED / "data"))
WEIGHTS = Path(os.environ.get("GEOSEG_TEST_WEIGHTS", SHARED / "weights")) / "galileo-nano" / "encoder.pt"
CLICKS, STEP, PIXEL_M = 25, 2, 30.0
DISAGREE = frozenset({137, 138, 177, 185, 225, 249, 256, 282})
"""Chips of water-hls whose labels disagree with their image."""
ALL = "bands+indices+embedding"


def _opened(path: Path, sensor: str) -> Scene:
    return open_scene(SceneSpec(paths=(str(path),), sensor=sensor, clouds="none"), sensors())


def _encoder(
    args: argparse.Namespace, scene: Scene, inputs: InputSpec, gsd: float, weights: str
) -> PixelEncoder:
    """Return the encoder for tiles without overlap, which cost a quarter of those of a map."""
    bands = bands_in_common(described_encoder(args.encoder), scene.name, scene.band_names)
    model = encoder_bundle(EncoderChoice(name=args.encoder, weights=weights), bands, gsd=gsd).model
    session = open_session(model, device="cpu", precision="fp32", tile=model.tile).session
    return PixelEncoder(model=model.model_copy(update={"overlap": 0}), session=session, bands=inputs.bands)


def _inputs(scenes: Sequence[Scene]) -> InputSpec:
    names = scenes[0].band_names
    blocks = [block for scene in scenes for block in sample(scene, names, size=256, most=2)]
    found = zip(names, scene_statistics(blocks, names), strict=True)
    bands = tuple(ModelBand(name=name, mean=mean, std=std) for name, (mean, std) in found)
    return InputSpec(name="bench", bands=bands, units="reflectance")


def _stored(path: Path, make: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return an array from the cache, or make and store it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, make())
    found: NDArray[np.float32] = np.load(path)
    return found.astype(np.float32)


def water(args: argparse.Namespace) -> None:
    """Print the table of water-hls."""
    folder = args.data / "water-hls"
    names = sorted((path.stem for path in (folder / "image").glob("*.tif")), key=int)
    lattice = np.arange(0, 128, STEP)
    rows, cols = (part.reshape(-1).astype(np.intp) for part in np.meshgrid(lattice, lattice, indexing="ij"))
    pixels = LabelPixels(labels=np.arange(len(rows)), rows=rows, cols=cols)
    from PIL import Image  # noqa: PLC0415 - labels are PNG

    truth = np.stack(
        [np.asarray(Image.open(folder / "label" / f"{name}.png"))[rows, cols] > 0 for name in names]
    ).astype(np.uint8)
    with ExitStack() as stack:
        scenes = [stack.enter_context(_opened(folder / "image" / f"{name}.tif", "hls")) for name in names]
        inputs = _inputs(scenes)
        values = _stored(
            args.cache / "water-bands.npy", lambda: np.stack([read_values(s, pixels) for s in scenes])
        )

        def embedded(weights: str) -> NDArray[np.float32]:
            encoder, prepare = _encoder(args, scenes[0], inputs, PIXEL_M, weights), Normaliser(inputs)
            return np.stack([encoder.features(s, pixels, prepare).astype(np.float16) for s in scenes])

        own = _stored(args.cache / "water-own.npy", lambda: embedded(str(args.weights)))
        random = _stored(args.cache / "water-random.npy", lambda: embedded("none"))
    allowed = np.array([int(name) not in DISAGREE for name in names])
    for title, embedding in (("published weights", own), ("random weights", random)):
        print(f"\n{args.encoder}, {title}; {allowed.sum()} chips\n")
        _water_table(args.draws, values, embedding, truth, allowed, args.head)


def _table_of(values: NDArray[np.float32], embedding: NDArray[np.float32]) -> FeatureTable:
    indices = indices_of(("blue", "green", "red", "nir08", "swir16", "swir22"), "reflectance")
    return FeatureTable(groups={BANDS: values, INDEX: index_values(values, indices), EMBEDDING: embedding})


def _water_table(
    draws: int,
    values: NDArray[np.float32],
    embedding: NDArray[np.float32],
    truth: NDArray[np.uint8],
    allowed: NDArray[np.bool_],
    head: str,
) -> None:
    counts: dict[str, list[NDArray[np.int64]]] = {}
    taken: list[str] = []
    chosen: list[NDArray[np.int64]] = []
    for draw in range(draws):
        rng = np.random.default_rng(draw)
        clicked = np.isin(np.arange(len(truth)), rng.permutation(len(truth))[: len(truth) // 2]) & allowed
        chips, places = _clicks(rng, truth, clicked)
        table = _table_of(values[chips, places], embedding[chips, places])
        groups, own = np.unique(chips, return_inverse=True)[1], truth[chips, places].astype(np.intp)
        scores = score_sets(Labelled(table=table, classes=own, places=groups, number=2), head)
        fitted = [fit_chosen(table.of(item.groups), own, groups, 2, head) for item in scores]
        runs = np.zeros((len(scores), len(truth), 2, 2), np.int64)
        for chip in np.flatnonzero(~clicked & allowed):
            features = _table_of(values[chip], embedding[chip])
            for index, item in enumerate(scores):
                mapped = fitted[index].scores(features.of(item.groups)).argmax(axis=1)
                runs[index, chip] = count(truth[chip], mapped.astype(np.uint8), 2)
        best = best_set(scores)
        taken.append(best.name)
        chosen.append(runs[scores.index(best)])
        for item, run in zip(scores, runs, strict=True):
            counts.setdefault(item.name, []).append(run)
    print("| features | IoU of water | 95 % interval over chips | spread of draws | taken |")
    print("|---|---|---|---|---|")
    for name, item_runs in counts.items():
        print(_row(name, item_runs, str(taken.count(name))))
    print(_row("the set that is taken", chosen, ""), flush=True)


def _clicks(
    rng: np.random.Generator, truth: NDArray[np.uint8], clicked: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return chips and positions of `CLICKS` random pixels of land, then of water."""
    found = [
        rng.choice(np.flatnonzero((truth == value) & clicked[:, None]), CLICKS, replace=False)
        for value in (0, 1)
    ]
    chips, places = np.divmod(np.concatenate(found), truth.shape[1])
    return chips, places


def _row(name: str, runs: Sequence[NDArray[np.int64]], taken: str) -> str:
    """Return a row: mean over draws, interval over chips of the mean, standard deviation over draws."""
    values = [main_score(run.sum(axis=0)) for run in runs]
    rng = np.random.default_rng(0)
    stacked = np.array(runs)
    means = []
    for _ in range(300):
        drawn = rng.integers(0, stacked.shape[1], stacked.shape[1])
        means.append(np.mean([main_score(total) for total in stacked[:, drawn].sum(axis=1)]))
    low, high = np.quantile(means, [0.025, 0.975])
    return f"| {name} | {np.mean(values):.3f} | {low:.3f} to {high:.3f} | {np.std(values):.3f} | {taken} |"


def classes(args: argparse.Namespace) -> None:
    """Print the table of the five classes, each city left out in turn."""
    file = read_labels(Path(__file__).with_name("fit_classes.geojson"))
    known, _, order = classes_of([file])
    own = positions_of([file], order)
    print(f"{len(own)} points: {counts_text(known, own)}")
    with ExitStack() as stack:
        names = sorted(path.name for path in (args.data / "change-s2").iterdir() if path.is_dir())
        opened = [
            stack.enter_context(_opened(args.data / "change-s2" / name / "before", "sentinel-2-l1c"))
            for name in names
        ]
        scenes = [scene.select([band for band in scene.band_names if band not in OF_AIR]) for scene in opened]
        pixels = [pixels_of([file], scene.grid, scene.name, 0) for scene in scenes]
        inputs = _inputs(scenes)
        prepare = Normaliser(inputs)
        labels = np.concatenate([item.labels for item in pixels])
        cities = np.repeat(np.arange(len(scenes)), [len(item.labels) for item in pixels])
        bands = np.concatenate([read_values(*pair) for pair in zip(scenes, pixels, strict=True)])
        indices = indices_of(scenes[0].band_names, "reflectance")
        groups = {BANDS: bands, INDEX: index_values(bands, indices)}
        for title, weights in (("published weights", str(args.weights)), ("random weights", "none")):
            encoder = _encoder(args, scenes[0], inputs, 10.0, weights)
            model = encoder_bundle(
                EncoderChoice(name=args.encoder, weights=weights),
                [band.name for band in encoder.model.bands],
                gsd=10.0,
            ).model
            # The points are few, so that tiles overlap as in a map.
            full = replace(encoder, model=model)
            embedding = np.concatenate(
                [full.features(*pair, prepare) for pair in zip(scenes, pixels, strict=True)]
            )
            table = FeatureTable(groups={**groups, EMBEDDING: embedding})
            data = Labelled(table=table, classes=own[labels], places=cities, number=len(known))
            scores = score_sets(data, args.head)
            print(f"\n{args.encoder}, {title}; {len(np.unique(cities))} cities, each left out in turn\n")
            print("| features | mean IoU | 95 % interval over cities | recall | accuracy |")
            print("|---|---|---|---|---|")
            for item in scores:
                total = np.sum(item.counts, axis=0)
                low, high = item.interval
                mark = " (taken)" if item is best_set(scores) else ""
                print(
                    f"| {item.name}{mark} | {item.score:.3f} | {low:.3f} to {high:.3f} | {item.recall:.3f} | "
                    f"{accuracy(total):.3f} |"
                )
            deep = next(item for item in scores if item.name == ALL)
            plain = next(item for item in scores if item.name == f"{BANDS}+{INDEX}")
            low, high = interval(deep.counts, balanced_score, against=plain.counts)
            gain = f"{deep.score - plain.score:+.3f} ({low:+.3f} to {high:+.3f})"
            print(f"\nembedding added to bands and indices: {gain}")
            print(
                "confusion (rows: labels): "
                + "; ".join(
                    f"{item.label} {row.tolist()}"
                    for item, row in zip(known, np.sum(deep.counts, axis=0), strict=True)
                )
            )


def main() -> None:
    """Run one of the two measurements."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("water", "classes"))
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--encoder", default="galileo-nano")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--head", default="logistic")
    parser.add_argument("--draws", type=int, default=8)
    parser.add_argument("--cache", type=Path, default=Path("build/bench-fit"))
    args = parser.parse_args()
    (water if args.what == "water" else classes)(args)


if __name__ == "__main__":
    main()
