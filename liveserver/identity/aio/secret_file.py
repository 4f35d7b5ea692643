"""The signing secret on disk: read it, or make it at the first start."""

import logging
import os
import secrets
from pathlib import Path

from liveserver.errors import SettingsError
from liveserver.logs import fields
from liveserver.secret import Secret

logger = logging.getLogger(__name__)

# HS256 needs a key of at least its hash's 256 bits (RFC 7518 §3.2).
MIN_CHARACTERS = 32


def load_or_create_secret(file: Path) -> Secret:
    """Read the secret, or write a random one readable by its owner alone.

    Raises:
        SettingsError: the file cannot be read or made, or holds too short a secret.
    """
    try:
        _create(file)
        text = file.read_text(encoding="utf-8").strip()
        mode = file.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"auth.secret_file: {file} cannot be used ({error})") from error
    if len(text) < MIN_CHARACTERS:
        raise SettingsError(f"auth.secret_file: {file} holds less than {MIN_CHARACTERS} characters")
    if mode & 0o077:
        logger.warning("secret file is readable by others", extra=fields(file=file))
    return Secret(text)


def _create(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    # Written beside and linked into place: two processes starting at once end with one secret,
    # and none ever reads half a file.
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    if file.exists():
        return
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(secrets.token_urlsafe(48) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        os.link(draft, file)
    except FileExistsError:
        return
    finally:
        draft.unlink(missing_ok=True)
