"""What stands around the accelerator on a chip with a processor: registers, DMA, the PS7."""
