"""Quantloom as a backend of hls4ml."""
