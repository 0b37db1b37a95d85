"""Recognise the product of a raster of permanent water, and which of its values mean permanent water.

A product is recognised by the name of its file, the description of its band, its tags, its colour table, the
name of its folder, or values that no other product has. Where none is recognised, an error asks for the
values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import SceneError
from geoseg.scenes import name_patterns
from geoseg.scenes.labels import Labels
from geoseg.scenes.stored_values import StoredValues
from geoseg.spec import ReferenceSpec, Values
from geoseg.spec.presets import water_products

_CLOSE = 1e-3
"""Distance within which a value is a code: codes may be stored as floats."""

_MASK = re.compile(r"(?<![a-z])(mask|binary)(?![a-z])", re.IGNORECASE)
_MOST_NAMED = 12

Evidence = Literal["file", "band", "tags", "colours", "folder", "values"]

_EVIDENCE_TEXT: dict[Evidence, str] = {
    "file": "by the name of the file",
    "band": "by the description of its band",
    "tags": "by its tags",
    "colours": "by its colour table",
    "folder": "by the name of its folder",
    "values": "by values that only it has",
}
_SURE: tuple[Evidence, ...] = ("file", "band", "tags")
"""Reliable evidence: where the values contradict it, an error is raised."""


@dataclass(frozen=True, kw_only=True)
class PermanentValues:
    """The values of a raster that mean permanent water."""

    permanent: Values = ()
    """Single values, and ranges with both ends."""
    above: float = np.inf
    """Limit above which values mean permanent water too."""
    fill: tuple[float, ...] = ()
    """Values that mean: not observed."""
    meaning: str
    """The recognised product and its values, for messages."""
    warning: str = ""

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return 1 for permanent water, 0 for other values, NaN where not observed."""
        found = (within(values, self.permanent) | (values > self.above)).astype(np.float32)
        found[~np.isfinite(values) | within(values, self.fill)] = np.nan
        return found


def within(values: NDArray[np.floating[Any]], wanted: Values) -> NDArray[np.bool_]:
    """Return whether each value is among some codes and ranges; NaN is not."""
    found = np.zeros(values.shape, np.bool_)
    for item in wanted:
        low, high = item if isinstance(item, tuple) else (item, item)
        found |= (values >= low - _CLOSE) & (values <= high + _CLOSE)
    return found


def asked_values(
    stored: StoredValues, values: Sequence[float] | None, above: float | None
) -> PermanentValues:
    """Return the values of `--permanent-values` or `--permanent-above`."""
    fill = stored.untagged_fill()
    if values is not None:
        named = ", ".join(f"{value:g}" for value in values)
        return PermanentValues(
            permanent=tuple(values),
            fill=tuple(item for item in fill if item not in values),
            meaning=f"permanent water is {named}, as asked",
        )
    limit = 0.0 if above is None else above
    return PermanentValues(
        above=limit, fill=fill, meaning=f"permanent water is what is above {limit:g}, as asked"
    )


def choose_band(labels: Labels) -> int:
    """Return the position among the bands of a raster, without alpha, of the one that holds permanent water.

    Raises:
        BandError: there are several, and none has the description of a product.
        SceneError: the recognised bands cannot be used.
    """
    if len(labels.descriptions) <= 1:
        return 0
    known = [(index, spec) for index, text in enumerate(labels.descriptions) for spec in _by_band(text)]
    usable = [index for index, spec in known if not spec.refused]
    if usable:
        return usable[0]
    if known:
        raise SceneError(f"{labels.name} is {known[0][1].title}: {known[0][1].refused}")
    raise labels.which_band("holds permanent water")


def values_of(labels: Labels, band: int, stored: StoredValues) -> PermanentValues:
    """Recognise the product of a raster, and return its values of permanent water.

    Args:
        labels: names, tags and descriptions of the file.
        band: position of the band among `labels.descriptions`.
        stored: values of the band.

    Raises:
        SceneError: the product cannot be used, or is unknown; the message lists the values and the options
            for them.
    """
    for spec, evidence in _candidates(labels, band, stored):
        rule = _values_by(spec, evidence, labels, stored)
        if rule is not None:
            return rule
    if _is_binary(stored):
        return _mask_values(stored)
    raise _ask(labels, stored, "its product is not recognised")


def _values_by(
    spec: ReferenceSpec, evidence: Evidence, labels: Labels, stored: StoredValues
) -> PermanentValues | None:
    """Return the values of a product that some evidence points to; None where its values contradict it.

    Raises:
        SceneError: the product cannot be used, or its values contradict reliable evidence.
    """
    product = f"{spec.title} ({_EVIDENCE_TEXT[evidence]})"
    sure = evidence in _SURE
    if spec.refused:
        if sure:
            raise SceneError(f"{labels.name} is {product}: {spec.refused}")
        return None
    binary, fits = _is_binary(stored), _fits(spec, stored)
    if fits and sure and not binary and spec.quantity.startswith("percent") and _greatest(stored) <= 1:
        raise _ask(labels, stored, f"it looks like {product}, but with values of 0 to 1, not percent")
    if fits and (not binary or _means_as_a_mask(spec)):
        return _product_values(spec, product, stored)
    if not binary:
        if sure:
            raise _ask(labels, stored, f"it looks like {product}, which has other values")
        return None
    if evidence not in {"file", "tags"}:
        # Masks of 0 and 1 often have a band called label, or lie in a folder of other water products.
        return None
    if _MASK.search(labels.name) or not fits:
        return _mask_values(stored)
    if spec.quantity or 0 in spec.permanent:
        raise _ask(labels, stored, f"it may be {product}, or a mask derived from it in which 1 is water")
    return _product_values(spec, product, stored)


def _candidates(labels: Labels, band: int, stored: StoredValues) -> Iterator[tuple[ReferenceSpec, Evidence]]:
    """Yield the products that a file may be of, best evidence first."""
    named = [spec for name in (labels.name, *labels.sources) for spec in _by_name(name)]
    # Tags are those of the provider; users rename files. Products that cannot be used share tags with others.
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
    """Return the product whose pattern matches most of a name: `monthlyRecurrence` is not `recurrence`."""
    lengths = {
        key: max(
            (
                len(match[0])
                for pattern in spec.file_patterns
                if (match := name_patterns.search(pattern, name)) is not None
            ),
            default=0,
        )
        for key, spec in water_products().items()
    }
    best = max(lengths, key=lambda key: lengths[key])
    return [water_products()[best]] if lengths[best] else []


def _by_band(description: str) -> list[ReferenceSpec]:
    """Return the products with a band of this description."""
    return [
        spec
        for spec in water_products().values()
        if any(re.fullmatch(pattern, description.strip(), re.IGNORECASE) for pattern in spec.bands)
    ]


def _fits(spec: ReferenceSpec, stored: StoredValues) -> bool:
    """Return whether all stored values are values of a product."""
    known = within(stored.values, (*spec.values, *spec.fill, *stored.untagged_fill()))
    return bool(known.all())


def _is_binary(stored: StoredValues) -> bool:
    """Return whether all observed values are 0 or 1."""
    rest = stored.without(stored.untagged_fill()).values
    return bool(rest.size) and set(rest.tolist()) <= {0.0, 1.0}


def _greatest(stored: StoredValues) -> float:
    """Return the greatest observed value."""
    return float(stored.without(stored.untagged_fill()).values.max(initial=-np.inf))


def _means_as_a_mask(spec: ReferenceSpec) -> bool:
    """Return whether 1 is permanent water and 0 is not, in the codes of the product as in a mask."""
    codes = np.array([0.0, 1.0])
    return not spec.quantity and within(codes, spec.permanent).tolist() == [False, True]


def _mask_values(stored: StoredValues) -> PermanentValues:
    """Return the values of a mask."""
    return PermanentValues(
        permanent=(1.0,), fill=stored.untagged_fill(), meaning="taken for a mask: 1 is permanent water"
    )


def _product_values(spec: ReferenceSpec, product: str, stored: StoredValues) -> PermanentValues:
    """Return the values of a product."""
    untagged = [item for item in stored.untagged_fill() if not within(np.array([item]), spec.values).any()]
    fill = [item for item in spec.fill if not within(np.array([item]), spec.permanent).any()]
    unit = f" {spec.quantity}" if spec.quantity else ""
    return PermanentValues(
        permanent=spec.permanent,
        fill=tuple(dict.fromkeys([*fill, *untagged])),
        meaning=f"taken for {product}; permanent water is {_list(spec.permanent)}{unit}",
        warning=spec.warning,
    )


def _list(values: Values) -> str:
    """Return values and ranges as text."""
    return ", ".join(
        f"{item[0]:g} to {item[1]:g}" if isinstance(item, tuple) else f"{item:g}" for item in values
    )


def _ask(labels: Labels, stored: StoredValues, why: str) -> SceneError:
    """Return an error that lists the values, and the options for permanent water."""
    return SceneError(
        f"{labels.name}: {why}. It holds {values_text(stored)}. Give those that mean permanent water: "
        "`--permanent-values 80,90` (codes), or `--permanent-above 75` (percent, months or a share)"
    )


def values_text(stored: StoredValues) -> str:
    """Return the values of a raster as text, with their shares within the scene."""
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
