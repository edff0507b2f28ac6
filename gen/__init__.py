"""Generator: front doors, integer network, dataflow graph, emission, command line."""
