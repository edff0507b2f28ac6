"""Parts and boards."""
