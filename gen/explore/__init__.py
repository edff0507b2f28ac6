"""Sweeps: which bits, which folding, which part; the lines of the best designs."""
