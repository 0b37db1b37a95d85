"""Estimate the work of an ONNX file without a runtime: nested functions, iterations of loops.

A runtime inlines the functions of a file, so that thirty functions, each of which calls the one before twice,
become a billion operators; and it runs a loop as often as the file says. Both take a few bytes of a file. The
field numbers are those of onnx.proto of ONNX 1.17.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer
from typing import Any, BinaryIO

from geoseg.bundles.protobuf import LENGTH, VARINT, Field, WireError, fields, read_text, read_varint
from geoseg.errors import ModelError

MOST_NODES = 1_000_000
"""Most operators that are read of a file."""

MOST_LOADED = 50_000
"""Most operators that a file writes down; networks have some hundred to some ten thousand. ONNX Runtime loads
100,000 in more than a minute, because its time grows with the square of their number."""

MOST_WORK = 100_000_000
"""Most operators that a file makes a runtime run for one call, with functions and iterations of loops."""

MOST_ITERATIONS = 1_000_000
"""Most iterations of a loop that runs without a limit of time."""

LOOP_S = 50.0
"""Greatest time of one call of a network whose loops may not end, in seconds."""

_DEPTH = 40
"""Most graphs inside each other."""

_NESTED = 200
"""Most graphs and calls of functions inside each other."""

_INT64 = 7
_LOOPS = frozenset({"Loop", "Scan"})
Name = tuple[str, str, str]
"""Domain, name and overload of an operator."""


class EndlessError(ModelError):
    """A call was ended after `LOOP_S`."""


@dataclass(slots=True)
class _Node:
    kind: Name = ("", "", "")
    inputs: list[str] = field(default_factory=list)
    graphs: list[list[_Node]] = field(default_factory=list)


@dataclass(slots=True)
class _File:
    """What was read of a file."""

    constants: dict[str, int] = field(default_factory=dict)
    """Whole numbers by name; of the same name the largest."""
    computed: set[str] = field(default_factory=set)
    """Names of values that are computed or passed somewhere; a function has names of its own."""
    functions: dict[Name, list[_Node]] = field(default_factory=dict)
    count: int = 0
    open_loops: bool = False
    """Whether the iterations of a loop are computed, or very many."""


def check_work(weights: Path) -> bool:
    """Check that a runtime ends; return whether a loop has a computed or very large number of iterations.

    Raises:
        ModelError: the file cannot be read, or asks for more than `MOST_WORK` operators.
    """
    found = _File()
    graph: list[_Node] = []
    try:
        with weights.open("rb") as file:
            for part in fields(file, os.fstat(file.fileno()).st_size):
                if part.number == 7 and part.kind == LENGTH:
                    # Parts of a message that comes again are joined.
                    graph += _graph(file, part.stop, found, 0)
                elif part.number == 25 and part.kind == LENGTH:
                    _function(file, part.stop, found)
    except OSError as error:
        raise ModelError(f"{weights}: cannot be read: {error.strerror}") from error
    except WireError as error:
        raise ModelError(f"{weights}: not an ONNX file, or damaged: {error}") from error
    if found.count > MOST_LOADED:
        raise ModelError(
            f"{weights}: {found.count:,} operators are more than a runtime loads in reasonable time "
            f"({MOST_LOADED:,}); simplify the network when it is exported"
        )
    if _work(graph, found, {}, ()) > MOST_WORK:
        raise ModelError(
            f"{weights}: its functions and loops amount to more than {MOST_WORK:,} operators for one tile; "
            "export the network without them"
        )
    return found.open_loops


@contextmanager
def ending(has_open_loops: bool) -> Iterator[Any]:
    """Yield options that end a call of ONNX Runtime after `LOOP_S`; None without loops.

    Raises:
        EndlessError: the call was ended.
    """
    if not has_open_loops:
        yield None
        return
    import onnxruntime  # noqa: PLC0415 - slow to import

    options = onnxruntime.RunOptions()
    timer = Timer(LOOP_S, lambda: setattr(options, "terminate", True))
    timer.daemon = True
    timer.start()
    try:
        yield options
    except Exception as error:
        if options.terminate:
            raise EndlessError(
                f"the network has loops, and a call took more than {LOOP_S:g} s; give a smaller `--tile`, or "
                "export the network without loops"
            ) from error
        raise
    finally:
        timer.cancel()


def _work(
    nodes: list[_Node], file: _File, known: dict[Name, int], calling: tuple[Name, ...], depth: int = 0
) -> int:
    """Return the operators that nodes are, written out; too many for functions that call themselves."""
    if depth > _NESTED:
        return MOST_WORK + 1
    total = 0
    for node in nodes:
        total += 1
        inner = sum(_work(graph, file, known, calling, depth + 1) for graph in node.graphs)
        if node.kind[1] in _LOOPS:
            iterations = _iterations(node, file)
            # Exports of `while` state the greatest whole number; below zero, OpenVINO iterates without end.
            if iterations is None or not 0 <= iterations <= MOST_ITERATIONS:
                file.open_loops, iterations = True, 1
            inner *= iterations
        total += inner
        if node.kind in file.functions:
            if node.kind in calling:
                return MOST_WORK + 1
            if node.kind not in known:
                inside = (*calling, node.kind)
                known[node.kind] = _work(file.functions[node.kind], file, known, inside, depth + 1)
            total += known[node.kind]
        if total > MOST_WORK:
            return total
    return total


def _iterations(node: _Node, file: _File) -> int | None:
    """Return the iterations of a loop that states them; None where they are computed."""
    if node.kind[1] != "Loop" or not node.inputs or node.inputs[0] in file.computed:
        return None
    return file.constants.get(node.inputs[0])


def _graph(file: BinaryIO, end: int, found: _File, depth: int) -> list[_Node]:
    """`GraphProto`: 1 nodes, 5 initializers, 11 inputs."""
    if depth > _DEPTH:
        raise WireError(f"graphs are nested more than {_DEPTH} levels deep")
    nodes = []
    for part in fields(file, end):
        if part.number == 1 and part.kind == LENGTH:
            nodes.append(_node(file, part.stop, found, depth))
        elif part.number == 5 and part.kind == LENGTH:
            _keep(found, *_tensor(file, part.stop))
        elif part.number == 11 and part.kind == LENGTH and depth:
            # Inputs of the network may list its weights; nothing but the image is passed to them.
            found.computed.update(
                read_text(file, name) for name in fields(file, part.stop) if name.number == 1
            )
    return nodes


def _function(file: BinaryIO, end: int, found: _File) -> None:
    """`FunctionProto`: 1 name, 4 inputs, 7 nodes, 10 domain, 13 overload."""
    name = domain = overload = ""
    nodes = []
    for part in fields(file, end):
        if part.number == 1:
            name = read_text(file, part)
        elif part.number == 4:
            found.computed.add(read_text(file, part))
        elif part.number == 7 and part.kind == LENGTH:
            nodes.append(_node(file, part.stop, found, 0))
        elif part.number == 10:
            domain = read_text(file, part)
        elif part.number == 13:
            overload = read_text(file, part)
    found.functions[_name(domain, name, overload)] = nodes


def _name(domain: str, name: str, overload: str) -> Name:
    """Return a name; the domain of ONNX has two."""
    return "" if domain == "ai.onnx" else domain, name, overload


def _node(file: BinaryIO, end: int, found: _File, depth: int) -> _Node:
    """`NodeProto`: 1 inputs, 2 outputs, 4 operator, 5 attributes, 7 domain, 8 overload."""
    found.count += 1
    if found.count > MOST_NODES:
        raise WireError(f"it has more than {MOST_NODES:,} operators")
    node, kind, domain, overload, outputs = _Node(), "", "", "", list[str]()
    constant: int | None = None
    for part in fields(file, end):
        if part.number == 1:
            node.inputs.append(read_text(file, part))
        elif part.number == 2:
            outputs.append(read_text(file, part))
        elif part.number == 4:
            kind = read_text(file, part)
        elif part.number == 7:
            domain = read_text(file, part)
        elif part.number == 8:
            overload = read_text(file, part)
        elif part.number == 5 and part.kind == LENGTH:
            constant = _attribute(file, part.stop, node, found, depth)
    node.kind = _name(domain, kind, overload)
    if kind == "Constant":
        for output in outputs:
            _keep(found, output, constant)
    else:
        found.computed.update(outputs)
    return node


def _attribute(file: BinaryIO, end: int, node: _Node, found: _File, depth: int) -> int | None:
    """`AttributeProto`: 3 an integer, 5 a tensor, 6 a graph, 11 graphs; returns a whole number in it."""
    value: int | None = None
    for part in fields(file, end):
        if part.number == 3 and part.kind == VARINT:
            value = _signed(part.value)
        elif part.number == 5 and part.kind == LENGTH:
            value = _tensor(file, part.stop)[1]
        elif part.number in {6, 11} and part.kind == LENGTH:
            node.graphs.append(_graph(file, part.stop, found, depth + 1))
    return value


def _tensor(file: BinaryIO, end: int) -> tuple[str, int | None]:
    """`TensorProto`: 2 type, 7 and 9 values, 8 name; returns the name, and the value of one whole number."""
    name, kind, value = "", 0, None
    for part in fields(file, end):
        if part.number == 2 and part.kind == VARINT:
            kind = part.value
        elif part.number == 8:
            name = read_text(file, part)
        elif part.number in {7, 9}:
            value = _whole_number(file, part)
    return name, value if kind == _INT64 else None


def _whole_number(file: BinaryIO, part: Field) -> int | None:
    """Return the only number of the values of a tensor of whole numbers."""
    if part.kind == VARINT:
        return _signed(part.value)
    size = part.stop - file.tell()
    if part.number == 9:
        return int.from_bytes(file.read(8), "little", signed=True) if size == 8 else None
    return _signed(read_varint(file)) if 0 < size <= 10 else None


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


def _keep(found: _File, name: str, value: int | None) -> None:
    """Keep a whole number; without a name it is none, since a loop of any number of iterations names none."""
    if value is not None and name:
        found.constants[name] = max(value, found.constants.get(name, value))
