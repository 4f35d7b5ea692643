"""Shells of the media plane: sockets, timers and the DTLS library live here and nowhere else."""
