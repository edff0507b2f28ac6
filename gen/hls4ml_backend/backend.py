"""The backend: hls4ml's passes for precisions, then Quantloom's own way to hardware."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hls4ml.backends.fpga.fpga_backend import FPGABackend
from hls4ml.model.flow import register_flow
from hls4ml.model.layers import Layer
from hls4ml.model.optimizer import layer_optimizer

from .plugin import NAME

if TYPE_CHECKING:
    import numpy as np

__all__ = ["QuantloomBackend"]


class QuantloomBackend(FPGABackend):  # type: ignore[misc]
    """hls4ml backend: streaming Verilog, compared with a golden integer model.

    ``write()`` emits a design directory, ``compile()`` readies golden model and simulator,
    ``predict(x)`` runs either, ``build()`` synthesises with Yosys and reports.
    """

    def __init__(self) -> None:
        super().__init__(NAME)
        initialise = register_flow("init_layers", self._get_layer_initializers(),
                                   requires=["optimize"], backend=self.name)
        types = register_flow("types", ["infer_precision_types"], requires=[initialise],
                              backend=self.name)
        self._ip_flow = register_flow("ip", None, requires=["optimize", initialise, types],
                                      backend=self.name)
        self._write_flow = register_flow(
            "write", ["make_stamp", f"{self.name.lower()}:write_hls"], requires=[self._ip_flow],
            backend=self.name)

    @layer_optimizer(Layer)
    def init_base_layer(self, layer: Any) -> None:
        """Take the reuse factor from the configuration."""
        layer.set_attr("reuse_factor", layer.model.config.get_reuse_factor(layer))

    def get_default_flow(self) -> str:
        """Flow of a conversion."""
        return str(self._ip_flow)

    def get_writer_flow(self) -> str:
        """Flow of ``write()``."""
        return str(self._write_flow)

    def create_initial_config(self, part: str | None = "xc7z020", clock_period: float | None = 10,
                              io_type: str | None = "io_stream", cycles: int | None = None,
                              utilisation: float | None = None, **_: Any) -> dict[str, Any]:
        """Configuration of a conversion.

        Parameters
        ----------
        part : str or None
            What the design must fit, as ``quantloom boards`` lists them; None: no part.
        clock_period : float
            ns.
        io_type : str
            Taken for hls4ml's sake: the hardware streams in either case.
        cycles : int or None
            Cycles a frame at most. None takes them from the reuse factors; where those are all 1,
            as few as the part allows.
        utilisation : float or None
            Share of the part's LUT sites that may be used.
        """
        return {
            "Part": part, "ClockPeriod": 10 if clock_period is None else clock_period,
            "IOType": io_type or "io_stream", "Cycles": cycles, "Utilisation": utilisation,
            "HLSConfig": {}, "WriterConfig": {"WriteTar": False, "Namespace": None},
        }

    def compile(self, model: Any) -> None:
        """Ready the golden model and the simulator of the Verilog that was written.

        hls4ml links a library then; there is none but the running program.
        """
        from .run import compile_simulator

        compile_simulator(model)

    def predict(self, model: Any, x: np.ndarray, engine: str = "golden") -> np.ndarray:
        """Outputs for reals of shape (frames, ...), as hls4ml's emulation would give them.

        As there, each frame's outputs are flat, and a single frame has no frames axis.

        Parameters
        ----------
        engine : str
            ``golden``, or ``verilator``, ``cxxrtl``, ``icarus``: the simulated Verilog, every
            stream of which is compared with the golden model on the way.

        Raises
        ------
        QuantloomError
            If the Verilog and the golden model differ.
        """
        from .run import predict

        return predict(model, x, engine)

    def build(self, model: Any, **_: Any) -> dict[str, Any]:
        """Synthesise the design that was written, with Yosys, and report.

        Returns
        -------
        dict
            ``cycles`` a frame, ``images_per_second``, the ``estimate``, and what
            ``quantloom synth`` reports: ``resources``, ``blocks``, ``fits``, ...
        """
        from .run import build

        return build(model, Path(model.config.get_output_dir()))
