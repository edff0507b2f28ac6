"""Front door for TensorFlow Lite files with int8 tensors."""

from .door import examine, integer_output
from .file import is_tflite

__all__ = ["examine", "integer_output", "is_tflite"]
