"""The host's side of an accelerator on a board: NumPy frames in, integers out."""

from .accelerator import Accelerator, DeviceReport
from .transport import Buffer, Transport

__all__ = ["Accelerator", "Buffer", "DeviceReport", "Transport"]
