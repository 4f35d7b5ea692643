"""The forwarding hot loop: protect one train for every lane and put it on the wire.

`FanOut` and `Lane` are the whole interface. The reference is Python; a compiled path can stand
in for it behind the same two names, and the same tests run on both.
"""

from ._fanout_py import Address, FanOut, Lane, SendMessage, SendPackets
from .srtp import GcmKeys, derive_gcm_keys

__all__ = ["Address", "FanOut", "GcmKeys", "Lane", "SendMessage", "SendPackets", "derive_gcm_keys"]
