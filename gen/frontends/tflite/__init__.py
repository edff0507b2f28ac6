"""Front door for TensorFlow Lite files with int8 tensors."""

from .door import check, load
from .file import is_tflite

__all__ = ["check", "is_tflite", "load"]
