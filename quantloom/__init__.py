"""Quantised neural networks to streaming FPGA accelerators, proven bit for bit."""
