"""Join the legends of two class maps: their classes as one list, with names and colours."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from geoseg.errors import SceneError
from geoseg.messages import note, warn
from geoseg.scenes.class_map import ClassMap
from geoseg.scenes.class_positions import CodeCounts
from geoseg.scenes.legend import UNOBSERVED
from geoseg.spec import ClassSpec
from geoseg.spec.palette import raster_colour
from geoseg.spec.tables import plain_label

LOG = logging.getLogger(__name__)

MOST_CLASSES = 255
"""Classes whose pairs fit into two bytes."""
MOST_LISTED = 64
"""Classes up to which the whole legend is listed, so that codes of transitions do not depend on the maps."""
MOST_CODE = 65_534

BORDER, LEAST_BORDER, MOST_BORDER = 2.0, 0.1, 0.9
"""0 is nodata where its share of the border of a map is more than twice its share of the map and more than a
tenth, or more than nine tenths."""

Names = Mapping[int, str]


@dataclass(frozen=True, kw_only=True)
class _Classes:
    """A map with its classes."""

    map: ClassMap
    names: Names
    """Names of classes by code."""
    codes: tuple[int, ...]
    """Codes in the map that are classes."""


def join_legends(
    maps: tuple[ClassMap, ClassMap], counts: tuple[CodeCounts, CodeCounts], further: Sequence[ClassSpec]
) -> tuple[tuple[ClassSpec, ...], tuple[dict[int, int], dict[int, int]]]:
    """Return the classes of two maps as one list.

    Args:
        maps: the earlier one first.
        counts: of the codes of each, on one grid.
        further: classes of a transition table, for maps without names.

    Returns:
        K classes, ascending by value: the codes of the first map, further ones of the second. For each map:
        observed codes, with their positions among the classes.

    Raises:
        SceneError: the maps have different legends, or too many classes.
    """
    named = {item.value: item.label for item in further}
    first, second = (
        _settle(item, own, other, named)
        for item, own, other in zip(maps, counts, reversed(counts), strict=True)
    )
    first, second = _lend_names(first, second)
    moved = _same_labels(first, second)
    names = {**second.names, **first.names}
    codes = {*first.codes, *(moved.get(code, code) for code in second.codes)}
    own = (code for code in first.names if 0 <= code <= MOST_CODE)
    listed = codes | (set(own) - _unobserved(first.map).keys())
    if len(listed) <= MOST_LISTED:
        codes = listed
    _check_codes(codes, maps[0])
    ordered = sorted(codes)
    at = {code: position for position, code in enumerate(ordered)}
    classes = tuple(
        ClassSpec(value=code, label=names.get(code, f"class {code}"), colour=_colour(code, maps, further))
        for code in ordered
    )
    positions = (
        {code: at[code] for code in first.codes},
        {code: at[moved.get(code, code)] for code in second.codes},
    )
    return classes, positions


def _settle(item: ClassMap, own: CodeCounts, other: CodeCounts, further: Names) -> _Classes:
    """Return the codes of a map that are classes."""
    counts = own.pixels
    product = item.product
    known = {spec.value: spec.label for spec in product.classes} if product else {}
    names = {**known, **item.legend.names} or dict(further)
    if product is not None:
        note(LOG, f"{item.name}: classes of {product.title}")
    elif item.legend.names:
        note(LOG, f"{item.name}: classes named by its {item.legend.source}")
    gone = {code: text for code, text in _unobserved(item).items() if code in counts}
    gone |= {code: text for code, text in names.items() if code in counts and UNOBSERVED.fullmatch(text)}
    if gone:
        named = ", ".join(f"{code} ({text})" for code, text in sorted(gone.items()))
        note(LOG, f"{item.name}: not observed are {named}")
    free = [code for code in counts if code not in gone]
    for code in sorted(free):
        why = "" if code in names else _fill(code, free, item, bool(names)) or _zero(code, free, own, other)
        if why:
            gone[code] = why
            warn(
                LOG,
                "class-taken-for-nodata",
                f"{item.name}: {code} {why}: it is treated as not observed ({own.share(code):.1%} of the "
                "map). If it is a class, give it a name; else set it as nodata (`gdal_edit.py -a_nodata`)",
            )
        elif code == 0 and code not in names:
            warn(
                LOG,
                "zero-taken-for-class",
                f"{item.name}: 0 is treated as a class. If it means not observed, set it as nodata "
                "(`gdal_edit.py -a_nodata 0`)",
            )
    return _Classes(
        map=item,
        names={code: text for code, text in names.items() if not UNOBSERVED.fullmatch(text)},
        codes=tuple(sorted(code for code in counts if code not in gone)),
    )


def _unobserved(item: ClassMap) -> dict[int, str]:
    """Return the codes whose name in the product or the raster means: not observed."""
    own = {code: item.legend.names[code] for code in item.legend.unobserved}
    product = item.product.unobserved if item.product else ()
    return {**{spec.value: spec.label for spec in product if spec.value not in item.legend.names}, **own}


def _fill(code: int, codes: Sequence[int], item: ClassMap, named: bool) -> str:
    """Return why a code without a name is not a class; empty where it is one."""
    band = item.scene.bands[0]
    if code < 0:
        return "is below 0"
    if set(codes) == {0, 255}:
        # A mask of two values.
        return ""
    if band.dtype.kind in "iu" and code == np.iinfo(band.dtype).max:
        return f"has no name and is the greatest value of {band.dtype}"
    if code == 255 and code == max(codes):
        return "has no name and is the usual fill"
    others = [other for other in codes if other > 0]
    drawn = bool(item.legend.colours)
    if code == 0 and len(others) > 1 and (named or (drawn and code not in item.legend.colours)):
        return "has no name" if named else "has no colour"
    if code in item.legend.transparent:
        return "is transparent"
    return ""


def _zero(code: int, codes: Sequence[int], own: CodeCounts, other: CodeCounts) -> str:
    """Return why a 0 without a name is nodata; empty where it is a class, as in a mask of 0 and 1."""
    if code != 0 or len(codes) <= 2:
        return ""
    if 0 not in other.pixels:
        return "has no name and is not on the other date"
    border = own.border_share(0)
    if border > max(BORDER * own.share(0), LEAST_BORDER) or border > MOST_BORDER:
        return "has no name and lies along the border"
    return ""


def _lend_names(first: _Classes, second: _Classes) -> tuple[_Classes, _Classes]:
    """Give a map without names those of the other."""
    if bool(first.names) == bool(second.names):
        return first, second
    lender, taker = (first, second) if first.names else (second, first)
    note(LOG, f"{taker.map.name} names no classes: the names of {lender.map.name} are used")
    taker = _Classes(map=taker.map, names=lender.names, codes=taker.codes)
    return (first, taker) if lender is first else (taker, second)


def _same_labels(first: _Classes, second: _Classes) -> dict[int, int]:
    """Return the codes of the second map whose class has another code in the first.

    Raises:
        SceneError: the legends differ.
    """
    by_label: dict[str, list[int]] = {}
    for code, text in first.names.items():
        by_label.setdefault(plain_label(text), []).append(code)
    moved, clash, alike = {}, [], 0
    for code in second.codes:
        if code not in second.names:
            continue
        own = by_label.get(plain_label(second.names[code]), [])
        if code in own:
            alike += 1
        elif len(own) == 1:
            moved[code] = own[0]
        elif code in first.names:
            clash.append(code)
    products = [item.map.product.name if item.map.product else "" for item in (first, second)]
    foreign = len(set(products)) > 1 and all(products)
    strange = [code for code in second.codes if code not in moved and code not in first.names]
    if (clash and len(clash) >= alike + len(moved)) or (foreign and (clash or strange)):
        told = ", ".join(
            f"{code} is {first.names.get(code, 'no class')!r} and {second.names.get(code, 'unnamed')!r}"
            for code in (clash + strange)[:3]
        )
        raise SceneError(
            f"{first.map.name} and {second.map.name} have different legends ({told}): bring both to one set "
            "of classes first"
        )
    if moved:
        told = ", ".join(f"{code} to {to} ({first.names[to]})" for code, to in list(moved.items())[:4])
        more = f" and {len(moved) - 4} more" if len(moved) > 4 else ""
        warn(
            LOG,
            "class-codes-differ",
            f"{second.map.name} has other codes for the same classes, matched by name: {told}{more}",
        )
    for code in clash:
        warn(
            LOG,
            "class-names-differ",
            f"class {code} is {first.names[code]!r} in {first.map.name} and {second.names[code]!r} in "
            f"{second.map.name}: treated as one class",
        )
    return moved


def _check_codes(codes: set[int], item: ClassMap) -> None:
    """Check that pairs of classes fit into two bytes.

    Raises:
        SceneError: there are too many classes, or a code is too large.
    """
    if codes and max(codes) > MOST_CODE:
        raise SceneError(
            f"{item.name}: the code {max(codes)} is beyond {MOST_CODE}; give classes smaller codes "
            "(gdal_calc.py)"
        )
    if len(codes) > MOST_CLASSES:
        raise SceneError(
            f"{item.name}: {len(codes)} classes; pairs of up to {MOST_CLASSES} can be mapped. Group them "
            "first (gdal_calc.py), or cut the area (`--bbox`, `--aoi`)"
        )


def _colour(code: int, maps: Sequence[ClassMap], further: Sequence[ClassSpec]) -> str:
    """Return the colour of a class: of the maps, the product, the table, or the palette."""
    for item in maps:
        if code in item.legend.colours:
            return item.legend.colours[code]
    specs = [spec for item in maps if item.product for spec in item.product.classes]
    found = next((spec.colour for spec in (*specs, *further) if spec.value == code), None)
    return found or raster_colour(code)
