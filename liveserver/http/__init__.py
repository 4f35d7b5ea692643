"""The HTTP surfaces, one file each; `problems` is the only map from errors to answers."""
