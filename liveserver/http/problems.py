"""The only map from errors to answers: RFC 9457 problems with a stable `code`.

Pages and programs go by `code`; `detail` is English prose for people who read logs. Whatever is
not one of our errors becomes 500 `internal_error`: the log gets the traceback, the peer nothing.
"""

import logging
import math
from http import HTTPStatus
from typing import Literal

import msgspec
from aiohttp import web

from liveserver.errors import (
    InternalError,
    LiveServerError,
    MethodNotAllowed,
    NotAuthorized,
    NotFound,
    TokenMissing,
)
from liveserver.http.routing import Handler
from liveserver.logs import fields
from media.errors import MediaError, Overloaded, PeerError

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
MEDIA_RETRY_AFTER_S = 5.0


class Problem(msgspec.Struct, frozen=True):
    """The body of every error answer."""

    type: Literal["about:blank"]
    title: str
    status: int
    detail: str
    code: str
    retryable: bool
    "Whether the same request may succeed later."


@web.middleware
async def answer_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error of a handler, and aiohttp's own, into a problem."""
    try:
        return await handler(request)
    except (LiveServerError, PeerError, Overloaded) as error:
        return to_response(error)
    except web.HTTPException as error:
        return to_response(_translate(error, request))
    except Exception:  # a task's root: nothing above it could answer
        logger.exception("request failed", extra=fields(method=request.method))
        return to_response(InternalError())


def to_response(error: LiveServerError | MediaError) -> web.Response:
    """Write one error as an answer."""
    status = error.status_hint
    problem = Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=str(error),
        code=error.code,
        retryable=error.retryable,
    )
    response = web.Response(
        status=status, body=msgspec.json.encode(problem), content_type=CONTENT_TYPE
    )
    response.headers["Cache-Control"] = "no-store"
    _add_headers(response, error)
    return response


def _add_headers(response: web.Response, error: LiveServerError | MediaError) -> None:
    retry_after_s = getattr(error, "retry_after_s", None)
    if retry_after_s is None and isinstance(error, MediaError) and error.retryable:
        retry_after_s = MEDIA_RETRY_AFTER_S
    if retry_after_s is not None:
        response.headers["Retry-After"] = str(max(1, math.ceil(retry_after_s)))
    if isinstance(error, NotAuthorized):
        # RFC 6750 §3: the error attribute is left out when no token was sent at all.
        reason = "" if isinstance(error, TokenMissing) else ', error="invalid_token"'
        response.headers["WWW-Authenticate"] = f'Bearer realm="liveserver"{reason}'
    if isinstance(error, MethodNotAllowed):
        response.headers["Allow"] = ", ".join(error.allowed)


def _translate(error: web.HTTPException, request: web.Request) -> LiveServerError:
    match error:
        case web.HTTPMethodNotAllowed():
            return MethodNotAllowed(request.method, tuple(sorted(error.allowed_methods)))
        case web.HTTPNotFound():
            return NotFound()
        case _:
            logger.error("unforeseen answer", extra=fields(status=error.status))
            return InternalError()
