"""Short-lived credentials for a TURN server of one's own (draft-uberti-behave-turn-rest-00).

The TURN server knows the same secret (coturn: `use-auth-secret`, `static-auth-secret`), computes
the password from the user name alone and refuses one whose time is over: nothing is stored, and
what a browser was given is of no use tomorrow. Pure; the time is an argument.
"""

import base64
import hmac
import math

import msgspec


class TurnCredentials(msgspec.Struct, frozen=True):
    """What a browser shows the TURN server."""

    username: str
    "`<seconds since the epoch at which it ends>:<who>`."
    credential: str


def make_turn_credentials(
    secret: bytes, subject: str, *, lifetime_s: float, now: float
) -> TurnCredentials:
    """Make credentials for one person.

    Args:
        secret: Shared with the TURN server.
        subject: Whom to name, for the TURN server's quotas per user; no name a person goes by.
        lifetime_s: How long they are good for.
        now: Seconds since the epoch.
    """
    username = f"{math.ceil(now + lifetime_s)}:{subject}"
    digest = hmac.digest(secret, username.encode(), "sha1")
    return TurnCredentials(username, base64.b64encode(digest).decode())
