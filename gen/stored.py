"""Files that are read back: what they say is data from anywhere, and may be damaged."""

from __future__ import annotations

import json
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tokenize import TokenError
from typing import Any
from zlib import error as ZlibError

import numpy as np

__all__ = ["MAX_ARRAY_BYTES", "MAX_JSON_BYTES", "array_damage", "load_arrays", "load_json",
           "parse_toml"]

MAX_JSON_BYTES = 1 << 26
"""Largest JSON file that is read; those of the largest designs have a hundredth of it."""

MAX_ARRAY_BYTES = 1 << 27
"""Most that the arrays beside a design may unpack to: far more than the weights of any chip."""


def load_json(file: Path) -> Any:
    """Value of a JSON file.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is not JSON, larger than :data:`MAX_JSON_BYTES`, nested too deeply, or holds text
        that no other file could: a half of a surrogate pair.
    """
    size = file.stat().st_size
    if size > MAX_JSON_BYTES:
        raise ValueError(f"it has {size >> 20} MB; at most {MAX_JSON_BYTES >> 20} are accepted")
    text = file.read_text()
    try:
        value = json.loads(text)
        if r"\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeEncodeError as error:
        raise ValueError(f"it holds text that is none ({error.reason})") from None
    return value


def parse_toml(text: str) -> dict[str, Any]:
    """Value of a TOML file's text.

    Raises
    ------
    ValueError
        If it is not TOML, or nested too deeply.
    """
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


@contextmanager
def array_damage() -> Iterator[None]:
    """Whatever NumPy raises on a damaged ``.npy`` or ``.npz`` file becomes a ValueError.

    Headers are Python literals, and sizes in them promise memory before anything is read.
    """
    try:
        yield
    except (ValueError, TypeError, EOFError, KeyError, IndexError, ArithmeticError, SyntaxError,
            TokenError, RecursionError, RuntimeError, AttributeError, zipfile.BadZipFile,
            ZlibError) as error:
        raise ValueError(str(error)) from error
    except MemoryError:
        raise ValueError("its header promises more than there is memory") from None


def load_arrays(file: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Arrays of an ``.npz`` file by name.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is damaged, or unpacks to more than :data:`MAX_ARRAY_BYTES`.
    """
    with array_damage(), file.open("rb") as opened:
        with zipfile.ZipFile(opened) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > MAX_ARRAY_BYTES:
            raise ValueError(f"it unpacks to {size >> 20} MB; at most {MAX_ARRAY_BYTES >> 20} "
                             "are accepted")
        opened.seek(0)
        with np.load(opened, allow_pickle=False) as stored:
            arrays = dict(stored)
    if not all(isinstance(array, np.ndarray) for array in arrays.values()):
        raise ValueError("it holds files that are no arrays")
    return arrays
