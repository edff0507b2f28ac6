"""Front doors: from model files to the integer network."""

from .context import InputGrid
from .onnx_door import check, load

__all__ = ["InputGrid", "check", "load"]
