"""Shells of the composition root: the clock, the demo child, the local network."""
