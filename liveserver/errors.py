"""Errors of the server, and what each means to the one who gets it.

    LiveServerError
    ├ SettingsError                  exit 2 before any port is bound; never sent over HTTP
    ├ BadRequest               400   invalid_request
    │  ├ RequestTimeout        408   request_timeout      the body did not arrive in time
    │  ├ BodyTooLarge          413   body_too_large
    │  └ UnsupportedMediaType  415   unsupported_media_type
    ├ NotAuthorized            401
    │  ├ TokenMissing                token_missing
    │  ├ TokenInvalid                token_invalid        also: signed with a key not known here
    │  ├ TokenExpired                token_expired
    │  └ TokenRevoked                token_revoked
    ├ Forbidden                403   forbidden
    │  └ OriginRefused               origin_refused
    ├ NotFound                 404   not_found            no such route
    │  ├ RoomNotFound                room_not_found
    │  └ SessionNotFound             session_not_found
    ├ MethodNotAllowed         405   method_not_allowed
    ├ Conflict                 409
    │  ├ RoomExists                  room_exists
    │  ├ RoomTaken                   room_taken           another host is publishing
    │  ├ RoomNotLive                 room_not_live        retryable
    │  ├ RoomEnded                   room_ended
    │  └ InvalidState                invalid_state        a transition the state table lacks
    ├ RateLimited              429   rate_limited         retryable
    ├ InternalError            500   internal_error       the catch-all; tells nothing
    └ Unavailable              503   retryable
       ├ RoomLimit                   room_limit           the server keeps no more rooms
       ├ RoomFull                    room_full            the room admits no more viewers
       ├ StorageUnavailable          storage_unavailable
       ├ NotReady                    not_ready
       └ PagesNotBuilt               pages_not_built

Fields hold the facts; `str()` makes the text a stranger may read. Internals never go in.
"""

from typing import ClassVar


class LiveServerError(Exception):
    """Base of every error of this package.

    `code` is stable and wire-visible, `status_hint` is for HTTP, `retryable` says whether the
    same request may succeed later, `retry_after_s` when.
    """

    code: ClassVar[str] = "liveserver_error"
    status_hint: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    retry_after_s: float | None = None


class SettingsError(LiveServerError):
    """The configuration is wrong; the text starts with the path of the setting."""

    code = "settings_error"


class BadRequest(LiveServerError):
    """The request does not have the shape the route asks for."""

    code = "invalid_request"
    status_hint = 400


class RequestTimeout(BadRequest):
    """The body did not arrive in time."""

    code = "request_timeout"
    status_hint = 408
    retryable = True

    def __str__(self) -> str:
        return "The request body did not arrive in time."


class BodyTooLarge(BadRequest):
    """The body is longer than the route takes."""

    code = "body_too_large"
    status_hint = 413

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(limit_bytes)
        self.limit_bytes = limit_bytes

    def __str__(self) -> str:
        return f"The body is longer than {self.limit_bytes} bytes."


class UnsupportedMediaType(BadRequest):
    """The body is of another content type than the route takes."""

    code = "unsupported_media_type"
    status_hint = 415

    def __init__(self, expected: str) -> None:
        super().__init__(expected)
        self.expected = expected

    def __str__(self) -> str:
        return f"The body must be {self.expected}."


class NotAuthorized(LiveServerError):
    """Nobody proved who is asking."""

    code = "not_authorized"
    status_hint = 401


class TokenMissing(NotAuthorized):
    """The route needs a Bearer token and got none."""

    code = "token_missing"

    def __str__(self) -> str:
        return "This needs a token: send it as `Authorization: Bearer <token>`."


class TokenInvalid(NotAuthorized):
    """The token is malformed, not signed by a known key, or not meant for this server."""

    code = "token_invalid"


class TokenExpired(NotAuthorized):
    """The token was good and its time is over."""

    code = "token_expired"

    def __str__(self) -> str:
        return "The token has expired; ask for a new link."


class TokenRevoked(NotAuthorized):
    """The token was good and has been taken back."""

    code = "token_revoked"

    def __str__(self) -> str:
        return "The token has been revoked; ask for a new link."


class Forbidden(LiveServerError):
    """The one asking is known and may not do this."""

    code = "forbidden"
    status_hint = 403


class OriginRefused(Forbidden):
    """A page of another origin tried to write."""

    code = "origin_refused"

    def __str__(self) -> str:
        return "Pages of this origin may not write here (http.allowed_origins)."


class NotFound(LiveServerError):
    """Nothing is served at this address."""

    code = "not_found"
    status_hint = 404

    def __str__(self) -> str:
        return "Nothing is served at this address."


class RoomNotFound(NotFound):
    """No room has this address."""

    code = "room_not_found"

    def __init__(self, room: str) -> None:
        super().__init__(room)
        self.room = room

    def __str__(self) -> str:
        return f"There is no room {self.room!r}."


class SessionNotFound(NotFound):
    """The session URL names no open session of this room."""

    code = "session_not_found"

    def __str__(self) -> str:
        return "This session is over or never was."


class MethodNotAllowed(LiveServerError):
    """The address is served, but not with this method."""

    code = "method_not_allowed"
    status_hint = 405

    def __init__(self, method: str, allowed: tuple[str, ...]) -> None:
        super().__init__(method, allowed)
        self.method = method
        self.allowed = allowed

    def __str__(self) -> str:
        return f"{self.method} is not served here; {', '.join(self.allowed)} is."


class Conflict(LiveServerError):
    """The request is fine but not in the present state."""

    code = "conflict"
    status_hint = 409


class RoomExists(Conflict):
    """A room already has this address."""

    code = "room_exists"

    def __init__(self, room: str) -> None:
        super().__init__(room)
        self.room = room

    def __str__(self) -> str:
        return f"The room {self.room!r} exists already."


class RoomTaken(Conflict):
    """Another host publishes here, or may come back within the grace time."""

    code = "room_taken"

    def __init__(self, room: str) -> None:
        super().__init__(room)
        self.room = room

    def __str__(self) -> str:
        return f"Another host is live in {self.room!r}; ask again with ?takeover=1 to take over."


class RoomNotLive(Conflict):
    """The show has not begun yet."""

    code = "room_not_live"
    retryable = True

    def __init__(self, room: str, retry_after_s: float) -> None:
        super().__init__(room)
        self.room = room
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return f"The show in {self.room!r} has not begun yet."


class RoomEnded(Conflict):
    """The show is over; the room can be scheduled again."""

    code = "room_ended"

    def __init__(self, room: str) -> None:
        super().__init__(room)
        self.room = room

    def __str__(self) -> str:
        return f"The show in {self.room!r} is over."


class InvalidState(Conflict):
    """The state table has no such transition."""

    code = "invalid_state"

    def __init__(self, action: str, state: str) -> None:
        super().__init__(action, state)
        self.action = action
        self.state = state

    def __str__(self) -> str:
        return f"Cannot {self.action}: the room is {self.state}."


class RateLimited(LiveServerError):
    """Too many requests from one network."""

    code = "rate_limited"
    status_hint = 429
    retryable = True

    def __init__(self, retry_after_s: float, what: str = "requests") -> None:
        super().__init__(retry_after_s, what)
        self.retry_after_s = retry_after_s
        self.what = what

    def __str__(self) -> str:
        return f"Too many {self.what} from your network; wait a moment."


class InternalError(LiveServerError):
    """Something failed that this server should have foreseen."""

    code = "internal_error"

    def __str__(self) -> str:
        return "The server failed to answer; the failure has been logged."


class Unavailable(LiveServerError):
    """Not now."""

    code = "unavailable"
    status_hint = 503
    retryable = True
    retry_after_s = 5.0


class RoomLimit(Unavailable):
    """The server keeps as many rooms as it is allowed to."""

    code = "room_limit"

    def __str__(self) -> str:
        return "This server keeps no more rooms (rooms.max_rooms)."


class RoomFull(Unavailable):
    """The room has as many viewers as one room may have."""

    code = "room_full"

    def __str__(self) -> str:
        return "The room is full; try again in a moment."


class StorageUnavailable(Unavailable):
    """The database did not take the write or answer the query."""

    code = "storage_unavailable"

    def __str__(self) -> str:
        return "The database does not answer; try again in a moment."


class NotReady(Unavailable):
    """A part of the server is not working; `failing` names the parts."""

    code = "not_ready"

    def __init__(self, failing: tuple[str, ...]) -> None:
        super().__init__(failing)
        self.failing = failing

    def __str__(self) -> str:
        return f"Not ready: {', '.join(self.failing)}."


class PagesNotBuilt(Unavailable):
    """The browser pages have not been built on this machine."""

    code = "pages_not_built"

    def __str__(self) -> str:
        return (
            "The web pages are not built: run scripts/serve once, or the build in liveserver/web."
        )
