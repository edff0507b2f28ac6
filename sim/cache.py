"""Cache of compiled simulators in the user's cache directory."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ..gen.errors import QuantloomError

__all__ = ["cache_root", "cached", "digest", "first_cached"]

KEPT = 20
"""Entries of a kind that survive pruning, most recently used first."""


def cache_root() -> Path:
    """``$QUANTLOOM_CACHE``, else ``quantloom`` in ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    if own := os.environ.get("QUANTLOOM_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "quantloom"


def digest(parts: Iterable[str | bytes]) -> str:
    """Hash of texts, each one's end included."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        state.update(len(data).to_bytes(8, "little") + data)
    return state.hexdigest()[:24]


def cached(kind: str, key: str, make: Callable[[Path], None]) -> Path:
    """Directory of a cache entry, made if it is not there.

    Parameters
    ----------
    kind : str
        Name of the tool; entries are pruned per kind.
    key : str
        Digest of all that the entry depends on.
    make : callable
        Fills an empty directory. The directory becomes the entry only when this returns, so
        neither an error nor a second process leaves half an entry.

    Raises
    ------
    QuantloomError
        If the cache directory cannot be written.
    """
    root = cache_root()
    entry = root / f"{kind}-{key}"
    if entry.is_dir():
        with contextlib.suppress(OSError):
            os.utime(entry)
        return entry
    try:
        root.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f"tmp-{kind}-", dir=root))
    except OSError as error:
        raise QuantloomError(f"{root}: cannot write the cache of compiled simulators "
                             f"({error.strerror}); set QUANTLOOM_CACHE to a directory that can "
                             "be written") from error
    try:
        make(work)
        # Another process may have been faster; its entry is as good.
        with contextlib.suppress(OSError):
            work.rename(entry)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    _prune(root, kind)
    return entry


def first_cached(kind: str, keys: Sequence[str]) -> str:
    """The first key that has an entry, else the last one."""
    root = cache_root()
    return next((key for key in keys if (root / f"{kind}-{key}").is_dir()), keys[-1])


def _prune(root: Path, kind: str) -> None:
    entries = []
    for path in root.glob(f"{kind}-*"):
        with contextlib.suppress(OSError):
            entries.append((path.stat().st_mtime, path))
    for _, path in sorted(entries, reverse=True)[KEPT:]:
        shutil.rmtree(path, ignore_errors=True)
