"""Golden integer model, simulators of the emitted Verilog, comparison."""
