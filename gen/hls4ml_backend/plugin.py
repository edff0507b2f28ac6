"""What hls4ml calls when it looks for backends.

It is loaded with every import of hls4ml, so it imports nothing else of Quantloom.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from typing import Any

__all__ = ["NAME", "register"]

NAME = "Quantloom"


def register(*, register_backend: Callable[..., Any], register_writer: Callable[..., Any]) -> None:
    """Register writer and backend.

    Raises
    ------
    RuntimeError
        If that fails. hls4ml shows no more than the text, and hides errors of some types; the
        traceback is printed here.
    """
    try:
        from .backend import QuantloomBackend
        from .writer import QuantloomWriter

        register_writer(NAME, QuantloomWriter)  # first: the backend asks for it
        register_backend(NAME, QuantloomBackend)
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        raise RuntimeError(f"Quantloom could not register: {error!r}") from error
