"""Notes and warnings: standard logging, collected for the run record.

A module logs under its own name: `LOG = logging.getLogger(__name__)`, then `note(LOG, text)` for what was
recognised, chosen or assumed, and `warn(LOG, code, text)` for what may make a map wrong. The codes are
listed in docs/warnings.md. Without a handler nothing is printed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from threading import Lock

logging.getLogger("geoseg").addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A note or a warning."""

    logger: str
    """Name of the logger."""
    text: str
    code: str = ""
    """Of a warning: a slug that is the same in all versions. Empty: the message is a note."""


@dataclass(slots=True)
class Collected:
    """Notes and warnings of one run in order, without repetitions."""

    messages: list[Message] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock, repr=False)

    @property
    def notes(self) -> tuple[str, ...]:
        """Texts of the notes."""
        return tuple(message.text for message in self.messages if not message.code)

    @property
    def warnings(self) -> tuple[Message, ...]:
        """The warnings."""
        return tuple(message for message in self.messages if message.code)

    def add(self, message: Message) -> bool:
        """Append a message; return False if a message of the same text exists."""
        with self._lock:
            known = [other.text for other in self.messages if bool(other.code) == bool(message.code)]
            if message.text in known:
                return False
            self.messages.append(message)
            return True


@dataclass(frozen=True, slots=True)
class _State:
    """The destination of messages in the current context."""

    run: Collected | None = None
    held: list[Message] | None = None
    prefix: str = ""


_state: ContextVar[_State] = ContextVar("geoseg_messages", default=_State())  # noqa: B039 - frozen


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun, such as `1 map` and `1,200 maps`.

    Args:
        number: 0 or more.
        noun: singular.
        plural: where it is not the singular with an s.
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def note(log: logging.Logger, text: str) -> None:
    """Log what was recognised, chosen or assumed, and why, at level INFO."""
    _emit(Message(logger=log.name, text=text))


def warn(log: logging.Logger, code: str, text: str) -> None:
    """Log what may make a map wrong at level WARNING.

    Args:
        log: the logger of the module.
        code: a slug from docs/warnings.md; it is the attribute `code` of the log record.
        text: what happened, where, and what to do.
    """
    _emit(Message(logger=log.name, text=text, code=code))


def replay(messages: Iterable[Message], *, of: str = "") -> None:
    """Log messages that `held` collected, notes first.

    Args:
        messages: in order.
        of: name of the scene that the messages are about, which is put before each text; empty: none.
    """
    with prefixed(f"{of}: " if of else ""):
        for message in sorted(messages, key=lambda item: bool(item.code)):
            _emit(message)


def _emit(message: Message) -> None:
    state = _state.get()
    message = replace(message, text=state.prefix + message.text) if state.prefix else message
    if state.run is not None and not state.run.add(message):
        return
    if state.held is not None:
        state.held.append(message)
        return
    log = logging.getLogger(message.logger)
    if message.code:
        log.warning("%s", message.text, extra={"code": message.code})
    else:
        log.info("%s", message.text)


@contextmanager
def _in(state: _State) -> Iterator[None]:
    token = _state.set(state)
    try:
        yield
    finally:
        _state.reset(token)


@contextmanager
def collecting() -> Iterator[Collected]:
    """Collect the notes and warnings of a run, at any logging level; also a decorator.

    A text is logged once in the block. Nested runs and runs in other threads or tasks have separate
    collections; a thread that works for a run is started in a copy of its context
    (`contextvars.copy_context().run`).
    """
    run = Collected()
    with _in(replace(_state.get(), run=run)):
        yield run


def collected() -> Collected:
    """Return the messages of the current run; outside a run, none."""
    return _state.get().run or Collected()


@contextmanager
def prefixed(prefix: str) -> Iterator[None]:
    """Put a text before every message, such as the name of one of several scenes."""
    state = _state.get()
    with _in(replace(state, prefix=state.prefix + prefix)):
        yield


@contextmanager
def held() -> Iterator[list[Message]]:
    """Put messages into a list instead of logging and collecting them, which `replay` does later.

    For work whose result may be dropped, and for scenes: a scene is opened before its bands are selected.
    """
    messages: list[Message] = []
    with _in(_State(held=messages)):
        yield messages
