"""Third-party models: found through an environment variable, never part of the project."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

__all__ = ["arrays", "third_party"]

VARIABLE = "QUANTLOOM_MODELS"


def third_party(name: str) -> Path:
    """Folder of a third-party model; skips the test, saying so, where there is none."""
    root = os.environ.get(VARIABLE)
    if not root:
        pytest.skip(f"{VARIABLE} is not set: third-party models are not at hand")
    folder = Path(root) / name
    if not folder.is_dir():
        pytest.skip(f"{VARIABLE} is set, but {folder} does not exist")
    return folder


def arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an ``.npz`` file, which is closed again."""
    with np.load(path) as data:
        return dict(data)
