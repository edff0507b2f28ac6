"""An integer network in a file of its own."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import QuantloomError
from ..stored import load_arrays
from .graph import Network
from .storage import from_json, to_json

__all__ = ["SUFFIX", "is_network_file", "load_network", "read_record", "save_network"]

SUFFIX = ".qnet"
"""By which network files are known; their content is that of an .npz file."""

FORMAT = 1
"""Version of the file; another one is refused."""

_HEAD = "network.json"


def save_network(network: Network, path: Path, record: Mapping[str, Any] | None = None) -> None:
    """Write a network: the same bytes for the same network.

    Parameters
    ----------
    network : Network
    path : path
    record : mapping or None
        Plain data that is kept beside it.
    """
    value, arrays = to_json(network)
    head = json.dumps({"format": FORMAT, **value, "record": record or {}})
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False,
                            **{_HEAD: np.frombuffer(head.encode(), np.uint8)},
                            **arrays)  # type: ignore[arg-type]


def is_network_file(path: str | Path) -> bool:
    """Whether a file is one that :func:`save_network` wrote, or is called so."""
    if str(path).endswith(SUFFIX):
        return True
    try:
        with zipfile.ZipFile(path) as file:
            return f"{_HEAD}.npy" in file.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def load_network(path: str | Path) -> Network:
    """The network in a file.

    Raises
    ------
    QuantloomError
        If there is none, or it is damaged or of another format.
    """
    value, arrays = _content(path)
    try:
        return from_json(value, arrays)
    except QuantloomError as error:
        raise QuantloomError(f"{path}: {error}") from error


def read_record(path: str | Path) -> dict[str, Any]:
    """What was stored beside the network.

    Raises
    ------
    QuantloomError
        As :func:`load_network`.
    """
    record = _content(path)[0].get("record")
    return record if isinstance(record, dict) else {}


def _content(path: str | Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    try:
        arrays = load_arrays(Path(path))
        value = json.loads(arrays.pop(_HEAD).tobytes())
    except OSError as error:
        raise QuantloomError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise QuantloomError(f"{path}: damaged, or not a network file; make it again with "
                             "'quantloom quantise'") from error
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise QuantloomError(f"{path}: not a network file of format {FORMAT}; make it again with "
                             "'quantloom quantise'")
    return value, arrays
