"""Media plane: WebRTC ingest and egress, forwarded packet by packet and never re-encoded.

Modules at this level are pure (no sockets, no clock, no randomness); shells live in `media.aio`.
"""
