"""What a design takes and gives, without synthesis: area, clock, power, traffic."""

from .estimate import BlockEstimate, Estimate, estimate

__all__ = ["BlockEstimate", "Estimate", "estimate"]
