"""Front doors: from model files to the integer network."""
