"""Read YAML of others within limits of size, depth, aliases and numbers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

from geoseg.errors import SceneReadError, UsageError
from geoseg.files.bounded import read_text
from geoseg.files.inputs import opened
from geoseg.files.network import plain

YAML_BYTES = 2**20
"""Most bytes of a document: a config has some thousand, and the parser reads about 0.1 MB a second."""

YAML_DEPTH = 50
"""Most levels; a config has about five. Python's parser fails at about 300."""

YAML_NODES = 100_000
"""Most values after aliases are replaced by what they name: ten aliases of ten aliases are 10¹⁰ values."""

DIGITS = 30
"""Most characters of an integer; Python converts none of more than 4,300 digits."""

_INTEGER = "tag:yaml.org,2002:int"


def read_yaml_file(path: Path | str) -> str:
    """Return the text of a YAML file that a user named.

    Raises:
        SceneReadError: it is a pipe or device, or has more than `YAML_BYTES`.
        OSError, UnicodeDecodeError: it cannot be read.
    """
    opened(path)
    return read_text(path, YAML_BYTES)


def parse_yaml(text: str, name: str) -> tuple[yaml.Node | None, object]:
    """Return the nodes and the value of a YAML document.

    Args:
        text: the document.
        name: for messages.

    Raises:
        SceneReadError: it is nested too deep, has too many values, or an integer that is too long.
        UsageError: it is not YAML; the message gives the line.
    """
    try:
        _check_depth(text, name)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is not None:
            _check_nodes(node, name)
        return node, yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise UsageError(
            f"{name}{line}: not valid YAML: {plain(getattr(error, 'problem', error))}"
        ) from error
    except (ValueError, OverflowError) as error:
        if isinstance(error, UsageError):
            raise
        # A date that does not exist, such as 2021-02-31.
        raise UsageError(f"{name}: not valid YAML: {plain(error)}") from error


def _check_depth(text: str, name: str) -> None:
    """Check the depth by the events of the parser, which does not recurse."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > YAML_DEPTH:
                line = f", line {event.start_mark.line + 1}" if event.start_mark else ""
                raise SceneReadError(f"{name}{line}: nested more than {YAML_DEPTH} levels deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _check_nodes(root: yaml.Node, name: str) -> None:
    """Check integers, and the number and depth of values with aliases replaced."""
    measured: dict[int, tuple[int, int]] = {}

    def measure(node: yaml.Node, above: frozenset[int]) -> tuple[int, int]:
        """Return the number of values and of levels. An alias names what stands before it, or above it."""
        if id(node) in above:
            raise SceneReadError(f"{name}: an alias names what it is part of")
        if id(node) not in measured:
            if isinstance(node, yaml.ScalarNode) and node.tag == _INTEGER and len(node.value) > DIGITS:
                line = node.start_mark.line + 1
                raise SceneReadError(f"{name}, line {line}: an integer has more than {DIGITS} digits")
            parts = [measure(part, above | {id(node)}) for part in _parts(node)]
            count = 1 + sum(part[0] for part in parts)
            levels = 1 + max((part[1] for part in parts), default=0)
            if count > YAML_NODES or levels > 2 * YAML_DEPTH:
                raise SceneReadError(f"{name}: its aliases expand to too many values")
            measured[id(node)] = count, levels
        return measured[id(node)]

    measure(root, frozenset())


def _parts(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    elif isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair
