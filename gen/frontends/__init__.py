"""Front doors: from model files to the integer network."""

from .context import InputGrid
from .doors import check, door, examine, load

__all__ = ["InputGrid", "check", "door", "examine", "load"]
