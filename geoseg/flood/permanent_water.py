"""Which product a raster of known water is, and which of its values mean permanent water.

A product is known by the name of its file, its band's description, its tags, its colour table, the name of
its folder, or values that no other product has. What is not known is asked for, never guessed by a maximum.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import SceneError
from geoseg.scenes.labels import Labels
from geoseg.scenes.stored_values import StoredValues
from geoseg.spec import ReferenceSpec, Values
from geoseg.spec.presets import water_products

_CLOSE = 1e-3
"""A value this close to a code is that code: rasters of floats hold codes too."""

_MASK = re.compile(r"(?<![a-z])(mask|binary)(?![a-z])", re.IGNORECASE)
_MOST_NAMED = 12

Evidence = Literal["file", "band", "tags", "colours", "folder", "values"]

_SAID: dict[Evidence, str] = {
    "file": "by the name of the file",
    "band": "by the description of its band",
    "tags": "by its tags",
    "colours": "by its colour table",
    "folder": "by the name of its folder",
    "values": "by values that only it has",
}
_SURE: tuple[Evidence, ...] = ("file", "band", "tags")
"""Evidence that is not given up silently where the values contradict it."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Which values of a raster mean permanent water."""

    permanent: Values = ()
    """Single values, and ranges with both ends."""
    above: float = np.inf
    """Greater values mean permanent water too."""
    fill: tuple[float, ...] = ()
    """Values that were not observed."""
    meaning: str
    """What the raster is taken for, and why."""
    warning: str = ""

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return 1 for permanent water, 0 for what is none, NaN where it was not observed."""
        found = (within(values, self.permanent) | (values > self.above)).astype(np.float32)
        found[~np.isfinite(values) | within(values, self.fill)] = np.nan
        return found


def within(values: NDArray[np.floating[Any]], wanted: Values) -> NDArray[np.bool_]:
    """Return which values are among some codes and ranges; NaN never is."""
    found = np.zeros(values.shape, np.bool_)
    for item in wanted:
        low, high = item if isinstance(item, tuple) else (item, item)
        found |= (values >= low - _CLOSE) & (values <= high + _CLOSE)
    return found


def asked_rule(stored: StoredValues, values: Sequence[float] | None, above: float | None) -> Rule:
    """Return the rule that the user gave: some values, or all above a limit."""
    fill = stored.untagged_fill()
    if values is not None:
        named = ", ".join(f"{value:g}" for value in values)
        return Rule(
            permanent=tuple(values),
            fill=tuple(item for item in fill if item not in values),
            meaning=f"permanent water is {named}, as asked",
        )
    limit = 0.0 if above is None else above
    return Rule(above=limit, fill=fill, meaning=f"permanent water is what is above {limit:g}, as asked")


def choose_band(labels: Labels) -> int:
    """Return the position among a raster's bands (without alpha) of the one that tells permanent water.

    Raises:
        BandError: there are several, and none is described as such.
        SceneError: the only ones that are known cannot serve.
    """
    if len(labels.descriptions) <= 1:
        return 0
    known = [(index, spec) for index, text in enumerate(labels.descriptions) for spec in _by_band(text)]
    usable = [index for index, spec in known if not spec.refused]
    if usable:
        return usable[0]
    if known:
        raise SceneError(f"{labels.name} is {known[0][1].title}: {known[0][1].refused}")
    raise labels.which_band("tells permanent water")


def rule_of(labels: Labels, band: int, stored: StoredValues) -> Rule:
    """Find out what a raster is by what it tells and holds, and which of its values mean permanent water.

    Args:
        labels: what the file says of itself.
        band: position of the band among `labels.descriptions`.
        stored: what the band holds.

    Raises:
        SceneError: it cannot serve, or what its values mean is not known; the message names the values and
            the options that say it.
    """
    for spec, evidence in _candidates(labels, band, stored):
        rule = _rule_by(spec, evidence, labels, stored)
        if rule is not None:
            return rule
    if _is_binary(stored):
        return _mask_rule(stored)
    raise _ask(labels, stored, "of which product it is, is not known")


def _rule_by(spec: ReferenceSpec, evidence: Evidence, labels: Labels, stored: StoredValues) -> Rule | None:
    """Return the rule of a product that some evidence speaks for; None where the values speak against it.

    Raises:
        SceneError: the product cannot serve, or the values speak against evidence that is sure.
    """
    said = f"{spec.title} ({_SAID[evidence]})"
    sure = evidence in _SURE
    if spec.refused:
        if sure:
            raise SceneError(f"{labels.name} is {said}: {spec.refused}")
        return None
    binary, fits = _is_binary(stored), _fits(spec, stored)
    if fits and sure and not binary and spec.quantity.startswith("percent") and _greatest(stored) <= 1:
        raise _ask(labels, stored, f"it looks like {said}, yet as a share of 1, not percent")
    if fits and (not binary or _means_as_a_mask(spec)):
        return _product_rule(spec, said, stored)
    if not binary:
        if sure:
            raise _ask(labels, stored, f"it looks like {said}, which has other values")
        return None
    if evidence not in {"file", "tags"}:
        # Many a mask of 0 and 1 has a band called label, or lies in a folder of other water products.
        return None
    if _MASK.search(labels.name) or not fits:
        return _mask_rule(stored)
    if spec.quantity or 0 in spec.permanent:
        raise _ask(labels, stored, f"it may be {said}, or a mask made of it in which 1 is water")
    return _product_rule(spec, said, stored)


def _candidates(labels: Labels, band: int, stored: StoredValues) -> Iterator[tuple[ReferenceSpec, Evidence]]:
    """Products that a file may be of, the best evidence first."""
    named = [spec for name in (labels.name, *labels.sources) for spec in _by_name(name)]
    # A product writes its tags, a user may rename it; what cannot serve shares tags with what can.
    yield from ((spec, "file") for spec in named if spec.refused)
    for spec in water_products().values():
        if any(re.search(pattern, labels.tags, re.IGNORECASE) for pattern in spec.tags):
            yield spec, "tags"
    yield from ((spec, "file") for spec in named)
    yield from ((spec, "band") for spec in _by_band(labels.descriptions[band]))
    for spec in water_products().values():
        if any(table.items() <= labels.colours.items() for table in spec.colours):
            yield spec, "colours"
    for folder in labels.folders:
        yield from ((spec, "folder") for spec in _by_name(folder))
    for spec in water_products().values():
        if within(stored.values, spec.telling).any() and _fits(spec, stored):
            yield spec, "values"


def _by_name(name: str) -> list[ReferenceSpec]:
    """The product whose pattern covers most of a name: `monthlyRecurrence` is no `recurrence`."""
    lengths = {
        key: max(
            (
                len(match[0])
                for pattern in spec.file_patterns
                if (match := re.search(pattern, name, re.IGNORECASE)) is not None
            ),
            default=0,
        )
        for key, spec in water_products().items()
    }
    best = max(lengths, key=lambda key: lengths[key])
    return [water_products()[best]] if lengths[best] else []


def _by_band(description: str) -> list[ReferenceSpec]:
    """The products a band of which has a description."""
    return [
        spec
        for spec in water_products().values()
        if any(re.fullmatch(pattern, description.strip(), re.IGNORECASE) for pattern in spec.bands)
    ]


def _fits(spec: ReferenceSpec, stored: StoredValues) -> bool:
    """Whether a product may hold all the values that are stored."""
    known = within(stored.values, (*spec.values, *spec.fill, *stored.untagged_fill()))
    return bool(known.all())


def _is_binary(stored: StoredValues) -> bool:
    """Whether there is nothing but 0 and 1 besides what was not observed."""
    rest = stored.without(stored.untagged_fill()).values
    return bool(rest.size) and set(rest.tolist()) <= {0.0, 1.0}


def _greatest(stored: StoredValues) -> float:
    """Return the greatest value that was observed."""
    return float(stored.without(stored.untagged_fill()).values.max(initial=-np.inf))


def _means_as_a_mask(spec: ReferenceSpec) -> bool:
    """Whether 1 is permanent water and 0 is not, in the product's codes as in a mask."""
    codes = np.array([0.0, 1.0])
    return not spec.quantity and within(codes, spec.permanent).tolist() == [False, True]


def _mask_rule(stored: StoredValues) -> Rule:
    """Return the rule of a mask."""
    return Rule(
        permanent=(1.0,), fill=stored.untagged_fill(), meaning="taken for a mask: 1 is permanent water"
    )


def _product_rule(spec: ReferenceSpec, said: str, stored: StoredValues) -> Rule:
    """Return the rule of a product."""
    untagged = [item for item in stored.untagged_fill() if not within(np.array([item]), spec.values).any()]
    fill = [item for item in spec.fill if not within(np.array([item]), spec.permanent).any()]
    unit = f" {spec.quantity}" if spec.quantity else ""
    return Rule(
        permanent=spec.permanent,
        fill=tuple(dict.fromkeys([*fill, *untagged])),
        meaning=f"taken for {said}; permanent water is {_list(spec.permanent)}{unit}",
        warning=spec.warning,
    )


def _list(values: Values) -> str:
    """Say values and ranges."""
    return ", ".join(
        f"{item[0]:g} to {item[1]:g}" if isinstance(item, tuple) else f"{item:g}" for item in values
    )


def _ask(labels: Labels, stored: StoredValues, why: str) -> SceneError:
    """Say which values there are, and how to say which of them are permanent water."""
    return SceneError(
        f"{labels.name}: {why}. It holds {values_text(stored)}. Say which of them mean permanent water: "
        "--permanent-values 80,90 (codes), or --permanent-above 75 (percent, months or a share)"
    )


def values_text(stored: StoredValues) -> str:
    """Say what a raster holds, with shares of what lies under the scene."""
    if not stored.listed:
        return f"values from {stored.values[0]:g} to {stored.values[-1]:g}"
    total = max(int(stored.counts.sum()), 1)
    parts = [
        f"{value:g} ({_percent(count / total)})" if count else f"{value:g}"
        for value, count in zip(stored.values, stored.counts, strict=True)
    ]
    if len(parts) > _MOST_NAMED:
        more = f"{len(parts) - _MOST_NAMED} more up to {stored.values[-1]:g}"
        return f"{', '.join(parts[:_MOST_NAMED])} and {more}"
    return ", ".join(parts) or "no value"


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.005 else "under 1%"
