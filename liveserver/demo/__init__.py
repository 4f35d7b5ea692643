"""The built-in demo host: a moving test picture with sound, published through WHIP.

Run as `python -m liveserver.demo`. It knows nothing of the server beyond its WHIP address: what it
shows went the same way as any host's picture.
"""
