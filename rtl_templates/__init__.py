"""The hardware blocks, one module a block, in Amaranth."""
