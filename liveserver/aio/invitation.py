"""What `serve` prints: the links to open, as QR codes too for phones."""

from typing import TextIO

import msgspec
import segno


class Invitation(msgspec.Struct, frozen=True):
    """Where the server can be reached, and the host's way in."""

    bases: list[str]
    "Origins like `http://127.0.0.1:8080`: this machine first, then its network addresses."
    room: str
    token: str | None
    "A host's token for the room; None prints no secret."
    with_codes: bool = False


def write_invitation(invitation: Invitation, out: TextIO) -> None:
    """Print the links of every base, and codes for the first that phones can reach."""
    for base in invitation.bases:
        watch, studio = _links(invitation, base)
        out.write(f"\n  watch   {watch}\n  studio  {studio}\n")
    if invitation.token is None:
        out.write(
            f"\n  The studio asks for: liveserver token --role host --room {invitation.room}\n"
        )
    if invitation.with_codes and len(invitation.bases) > 1:
        for title, link in zip(
            ("watch", "studio"), _links(invitation, invitation.bases[1]), strict=True
        ):
            out.write(f"\n  {title}\n")
            segno.make(link, error="l").terminal(out=out, compact=True)
        out.write("\n  The certificate is made by this machine: each device asks once about it.\n")
    out.write("\n")
    out.flush()


def _links(invitation: Invitation, base: str) -> tuple[str, str]:
    fragment = f"#token={invitation.token}" if invitation.token else ""
    return f"{base}/watch/{invitation.room}", f"{base}/studio/{invitation.room}{fragment}"
