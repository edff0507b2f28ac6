"""Measurements against targets and peers."""
