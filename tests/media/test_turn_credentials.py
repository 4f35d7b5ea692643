"""Credentials for a TURN server: what it computes from the name is the password."""

import base64
import hashlib
import hmac

from media.turn_credentials import make_turn_credentials


def test_the_password_follows_from_secret_and_name() -> None:
    made = make_turn_credentials(b"north", "guest:ab12", lifetime_s=60, now=1_700_000_000.4)
    assert made.username == "1700000061:guest:ab12"
    expected = hmac.new(b"north", made.username.encode(), hashlib.sha1).digest()
    assert base64.b64decode(made.credential) == expected


def test_another_secret_person_or_time_makes_another_password() -> None:
    made = {
        make_turn_credentials(secret, subject, lifetime_s=60, now=now).credential
        for secret in (b"north", b"south")
        for subject in ("a", "b")
        for now in (1.0, 2.0)
    }
    assert len(made) == 8
