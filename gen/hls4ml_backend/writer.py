"""Writer of the hls4ml backend: a design directory instead of a C++ project."""

from __future__ import annotations

from typing import Any

from hls4ml.writer.writers import Writer

__all__ = ["QuantloomWriter"]


class QuantloomWriter(Writer):  # type: ignore[misc]
    """Writes what ``quantloom generate`` writes into hls4ml's output directory."""

    def write_hls(self, model: Any, is_multigraph: bool = False) -> None:
        """Convert, fold, emit.

        Raises
        ------
        QuantloomError
            If a layer cannot be compiled, or the design does not fit the part.
        """
        from pathlib import Path

        from ..cli.frames import random_frames
        from ..cli.generate import VECTORS, build
        from ..errors import QuantloomError
        from .design import design_of

        if is_multigraph:
            raise QuantloomError("several graphs in one design are not supported: convert the "
                                 "model without split layers")
        design = design_of(model)
        build(design, Path(model.config.get_output_dir()),
              random_frames(design.network, VECTORS))
        model.quantloom_design = design
