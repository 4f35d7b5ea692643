"""WHIP and WHEP from the client's side: POST an offer, DELETE the session (RFC 9725 §4.2)."""

from urllib.parse import urljoin

import aiohttp
import msgspec

from media.errors import MediaError

_SDP = "application/sdp"
_LARGEST_ANSWER_BYTES = 256 * 1024


class OfferRefused(MediaError):
    """The server answered the POST with something other than 201."""

    def __init__(self, status: int, problem: str, retry_after_s: float | None) -> None:
        super().__init__(f"{status} {problem}".strip())
        self.status = status
        self.problem = problem
        "The `code` of the problem document, or an empty string."
        self.retry_after_s = retry_after_s


class SignalledSession(msgspec.Struct, frozen=True):
    """What a 201 says."""

    url: str
    "Absolute; from `Location`."
    answer: str
    etag: str


class _Problem(msgspec.Struct):
    code: str = ""


async def post_offer(
    http: aiohttp.ClientSession, url: str, offer: str, *, token: str = ""
) -> SignalledSession:
    """Create a session at a WHIP or WHEP endpoint.

    Raises:
        OfferRefused: any status but 201, or a 201 without `Location`.
        aiohttp.ClientError: the server cannot be reached.
    """
    headers = {"Content-Type": _SDP, "Accept": _SDP, **_authorization(token)}
    async with http.post(url, data=offer.encode(), headers=headers) as response:
        body = await response.content.read(_LARGEST_ANSWER_BYTES)
        location = response.headers.get("Location", "")
        if response.status != 201 or not location:
            wait = response.headers.get("Retry-After", "")
            delay = float(wait) if wait.isdigit() else None
            raise OfferRefused(response.status, _problem_code(body), delay)
        return SignalledSession(
            url=urljoin(str(response.url), location),
            answer=body.decode("utf-8", "replace"),
            etag=response.headers.get("ETag", ""),
        )


async def delete_session(http: aiohttp.ClientSession, url: str, *, token: str = "") -> int:
    """End a session; returns the status."""
    async with http.delete(url, headers=_authorization(token)) as response:
        return response.status


def _authorization(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


def _problem_code(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Problem).code
    except msgspec.DecodeError:
        return ""
