"""What a design takes and gives, without synthesis: area, clock, power, traffic."""

from .activity import Activity, load_activity
from .estimate import BlockEstimate, Estimate, estimate
from .power import Power, power

__all__ = ["Activity", "BlockEstimate", "Estimate", "Power", "estimate", "load_activity", "power"]
