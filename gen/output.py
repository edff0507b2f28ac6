"""The output directory: written aside, then put in place; nothing of the user's is lost."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import QuantloomError
from .stored import load_json

__all__ = ["MANIFEST", "REFRESHED", "SCRATCH", "add_file", "changed_files", "check_output",
           "file_hash", "put_file", "require_space", "staged_output", "why"]

MANIFEST = "manifest.json"
"""Lists every generated file with its SHA-256, but those of :data:`REFRESHED`."""

REFRESHED = ("report.html", "report.json")
"""Files that commands write again after the directory was generated: whatever they hold, they are
generated, and no hash is kept of them."""

SCRATCH = "build"
"""Folder of what the design's own Makefile builds; not generated, may be lost."""


LEAST_SPACE = 1 << 16
"""Bytes; a disk with less is full."""

NO_SPACE = "free some and run the command again; what it had finished is kept"


def why(error: OSError) -> str:
    """Why a file could not be read or written; where the disk is full, also what to do."""
    room = f": {NO_SPACE}" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
    return f"{error.strerror or error}{room}"


def put_file(path: Path, content: bytes) -> None:
    """Write a file that is there whole, or as it was before.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    handle, aside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(handle, "wb") as file:
            file.write(content)
        os.chmod(aside, 0o644)
        os.replace(aside, path)
    except BaseException:
        os.unlink(aside)
        raise


def require_space(directory: Path) -> None:
    """Say so if the disk is full: why a tool failed there, of which its messages may tell nothing.

    Raises
    ------
    QuantloomError
        If it is.
    """
    if shutil.disk_usage(directory).free < LEAST_SPACE:
        raise QuantloomError(f"{directory}: no space left on the disk: {NO_SPACE}")


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _files(directory: Path) -> Iterator[str]:
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        if not path.is_dir() and name != MANIFEST and not name.startswith(SCRATCH + "/"):
            yield name


def _manifest(directory: Path) -> dict[str, str]:
    try:
        value = load_json(directory / MANIFEST)
    except (OSError, ValueError):
        return {}
    files = value.get("files") if isinstance(value, dict) else None
    return files if isinstance(files, dict) else {}


def changed_files(directory: Path) -> list[str]:
    """Generated files that are no longer as they were generated."""
    recorded = _manifest(directory)
    return [name for name, digest in recorded.items()
            if not (directory / name).is_file() or file_hash(directory / name) != digest]


def add_file(out: Path, name: str, text: str) -> None:
    """Write a further generated file into an output directory, or replace it.

    Raises
    ------
    QuantloomError
        If it cannot be written.
    """
    try:
        (out / name).write_text(text)
        files = {**_manifest(out), name: file_hash(out / name)}
        (out / MANIFEST).write_text(json.dumps({"files": files}, indent=1) + "\n")
    except OSError as error:
        raise QuantloomError(f"{out / name}: cannot be written: "
                             f"{error.strerror or error}") from error


def _refuse_foreign(out: Path, source: Path | None) -> None:
    """Raise unless all in ``out`` was generated and is unchanged (``source`` may be edited)."""
    if not out.is_dir():
        raise QuantloomError(f"{out}: is a file; give a directory for the output")
    recorded = _manifest(out)
    foreign = [name for name in _files(out)
               if name not in recorded and not (recorded and name in REFRESHED)]
    if foreign:
        raise QuantloomError(f"{out}: holds {_some(foreign)}, which Quantloom did not write; "
                             "give another directory or remove it")
    edited = [name for name in changed_files(out)
              if (out / name).is_file()
              and not (source is not None and (out / name).samefile(source))]
    if edited:
        raise QuantloomError(f"{out}: {_some(edited)} was edited since it was generated; give "
                             "another directory or remove it")


def _some(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


@contextmanager
def staged_output(out: Path, source: Path | None = None) -> Iterator[Path]:
    """A directory to write into, which becomes ``out`` when the block ends without an error.

    Parameters
    ----------
    out : Path
        May not exist, be empty, or hold an unchanged earlier output, which is replaced.
    source : Path or None
        A file of ``out`` that the new output is made from, and which may have been edited.

    Raises
    ------
    QuantloomError
        If ``out`` holds anything else or cannot be written.
    """
    out = Path(os.path.abspath(out))
    aside = _beside(out, source)
    try:
        yield aside
        files = {name: file_hash(aside / name) for name in _files(aside) if name not in REFRESHED}
        (aside / MANIFEST).write_text(json.dumps({"files": files}, indent=1) + "\n")
        aside.chmod(0o755)
        _put_in_place(aside, out)
    except OSError as error:
        reason = error.strerror or str(error)
        if error.filename and not Path(os.fsdecode(error.filename)).is_relative_to(aside):
            reason += f" ({error.filename})"
        raise QuantloomError(f"{out}: cannot be written: {reason}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def check_output(out: Path, source: Path | None = None) -> None:
    """Raise what :func:`staged_output` would, before the work of what goes in.

    Directories that are missing above ``out`` are not made, so what prevents that is found later.
    """
    out = Path(os.path.abspath(out))
    if out.parent.exists():
        _beside(out, source).rmdir()


def _beside(out: Path, source: Path | None) -> Path:
    """A new directory beside a place that may be written to."""
    try:
        if out.exists():
            _refuse_foreign(out, source)
        out.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise QuantloomError(f"{out}: cannot be written: {error.strerror or error}") from error


def _put_in_place(aside: Path, out: Path) -> None:
    if not out.exists():
        aside.rename(out)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{out.name}.old.", dir=out.parent))
    out.rename(old / out.name)
    try:
        aside.rename(out)
    except OSError:
        (old / out.name).rename(out)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)
