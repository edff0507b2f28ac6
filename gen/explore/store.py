"""Results of a sweep on disk: added one by one, and none is lost."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from ..errors import QuantloomError
from ..output import why

__all__ = ["Store", "fingerprint", "key_of", "open_store", "unwritable"]

_PACKAGES = ("boards", "gen", "rtl_templates", "sim")
_SUFFIXES = (".py", ".json")


@cache
def fingerprint() -> str:
    """Version of Quantloom, and a hash of what results depend on: an edited tree has new ones."""
    state = sha256()
    for package in _PACKAGES:
        for name, content in sorted(_contents(files(f"quantloom.{package}"), package)):
            state.update(f"{name} {len(content)} ".encode() + content)
    return f"{version('quantloom')}+{state.hexdigest()[:12]}"


def _contents(folder: Traversable, name: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        path = f"{name}/{entry.name}"
        # What only shows results, or reads the command line, does not change them.
        if entry.is_dir() and path not in ("gen/report", "gen/cli"):
            yield from _contents(entry, path)
        elif entry.name.endswith(_SUFFIXES):
            yield path, entry.read_bytes()


def key_of(*parts: Any) -> str:
    """Hash of what a result depends on: plain data."""
    text = json.dumps([fingerprint(), *parts], sort_keys=True)
    return sha256(text.encode()).hexdigest()[:32]


def unwritable(path: Path, error: OSError) -> QuantloomError:
    """What to say of a file that cannot be written."""
    return QuantloomError(f"{path}: cannot be written: {why(error)}")


class Store:
    """Records by key in a file that only grows: a line each.

    A line that was cut off, by a kill or a full disk, is not a record; the next one begins a line
    of its own.

    Parameters
    ----------
    path : Path
    descriptor : int
        The file, open for appending.
    """

    def __init__(self, path: Path, descriptor: int):
        self.path, self._descriptor = path, descriptor
        self.records: dict[str, dict[str, Any]] = {}
        content = path.read_bytes() if path.is_file() else b""
        for line in content.split(b"\n"):
            try:
                value = json.loads(line)
                self.records[value["key"]] = value["record"]
            except (ValueError, KeyError, TypeError):
                continue
        self._torn = bool(content) and not content.endswith(b"\n")

    def add(self, key: str, record: Mapping[str, Any]) -> None:
        """Keep a record; on the disk when this returns.

        Raises
        ------
        QuantloomError
            If the disk is full, or cannot be written.
        """
        line = json.dumps({"key": key, "record": record}).encode() + b"\n"
        if self._torn:
            line = b"\n" + line
        try:
            # One call: several lines of a process do not mix, and a kill cuts one at most.
            self._torn = os.write(self._descriptor, line) != len(line)
            if self._torn:  # a full disk takes a part, and says so when asked for more
                os.write(self._descriptor, line[-1:])
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if os.path.isfile(self.path):
                os.fsync(self._descriptor)
        except OSError as error:
            raise unwritable(self.path, error) from error
        self.records[key] = dict(record)


@contextmanager
def open_store(path: Path) -> Iterator[Store]:
    """The store in a file, made if there is none; one process at a time.

    Raises
    ------
    QuantloomError
        If it cannot be written, or another process has it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        _lock(path, descriptor)
        yield Store(path, descriptor)
    finally:
        os.close(descriptor)


def _lock(path: Path, descriptor: int) -> None:
    try:
        import fcntl
    except ImportError:  # not on this system: two runs at once would do the same work twice
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise QuantloomError(f"{path}: another run writes there; wait for it, or give another "
                             "--output") from None
    except OSError:  # a file system without locks
        return
