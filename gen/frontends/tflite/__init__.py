"""Front door for TensorFlow Lite files with int8 tensors."""

from .door import check, integer_output, load
from .file import is_tflite

__all__ = ["check", "integer_output", "is_tflite", "load"]
