"""Just enough of each codec's RTP payload format to see where a key frame starts.

Nothing is decoded. Every function takes one packet's payload and never raises on any bytes.
"""

from collections.abc import Callable

from . import h264


def _vp8_descriptor_bytes(payload: bytes) -> int:
    """Length of the VP8 payload descriptor (RFC 7741 §4.2), which may exceed the payload."""
    if not payload[0] & 0x80:
        return 1
    flags = payload[1] if len(payload) > 1 else 0
    at = 2
    if flags & 0x80:
        at += 2 if len(payload) > 2 and payload[2] & 0x80 else 1
    return at + bool(flags & 0x40) + bool(flags & 0x30)


def _vp8(payload: bytes) -> bool:
    """RFC 7741 §4.2-4.3: start of partition 0, then P = 0 in the VP8 payload header."""
    if len(payload) < 2 or payload[0] & 0x1F != 0x10:
        return False
    at = _vp8_descriptor_bytes(payload)
    return len(payload) > at and not payload[at] & 0x01


def plain_vp8(payload: bytes) -> bytes:
    """Reduce a VP8 payload descriptor to its one required byte.

    Picture id, TL0PICIDX and temporal indices number the frames of one encoder; a viewer who
    is switched to another layer or publisher would take the jump for a loss and freeze (3.1 s
    in Chrome). Without them receivers go by RTP sequence numbers, which go on. All of them
    are optional (RFC 7741 §4.2). Malformed payloads are returned as they are.
    """
    if not payload or not payload[0] & 0x80:
        return payload
    at = _vp8_descriptor_bytes(payload)
    return payload if len(payload) < at else bytes((payload[0] & 0x7F,)) + payload[at:]


_H264_IDR, _H264_SPS, _H264_STAP_A, _H264_FU_A = 5, 7, 24, 28


def _h264(payload: bytes) -> bool:
    """RFC 6184 §5.4: SPS or IDR, alone, first in a STAP-A, or as the start of an FU-A."""
    if len(payload) < 2:
        return False
    kind = payload[0] & 0x1F
    if kind == _H264_STAP_A:
        return _stap_a_has_key(payload)
    if kind == _H264_FU_A:
        return bool(payload[1] & 0x80) and payload[1] & 0x1F in (_H264_IDR, _H264_SPS)
    return kind in (_H264_IDR, _H264_SPS)


def _stap_a_has_key(payload: bytes) -> bool:
    at = 1
    while at + 2 < len(payload):
        if payload[at + 2] & 0x1F in (_H264_IDR, _H264_SPS):
            return True
        at += 2 + (payload[at] << 8 | payload[at + 1])
    return False


def _vp9(payload: bytes) -> bool:
    """RFC 9628 §4.2: B set, P clear, and spatial layer 0 where layer indices are present."""
    if not payload or payload[0] & 0x48 != 0x08:
        return False
    if not payload[0] & 0x20:
        return True
    at = 1
    if payload[0] & 0x80:
        at += 2 if len(payload) > 1 and payload[1] & 0x80 else 1
    return len(payload) > at and not payload[at] & 0x0E


def _av1(payload: bytes) -> bool:
    """AV1 RTP §4.4: N marks the first packet of a coded video sequence."""
    return len(payload) > 1 and payload[0] & 0x88 == 0x08


_DETECTORS: dict[str, Callable[[bytes], bool]] = {
    "VP8": _vp8,
    "H264": _h264,
    "VP9": _vp9,
    "AV1": _av1,
}


def starts_keyframe(codec: str, payload: bytes) -> bool:
    """Tell whether this packet is the first of a key frame of `codec` (canonical name).

    For H.264 every packet that carries SPS or the start of an IDR slice says yes; the first
    of a timestamp counts. Unknown codecs never have key frames.
    """
    detect = _DETECTORS.get(codec)
    return detect is not None and detect(payload)


def picture_height(codec: str, payload: bytes) -> int | None:
    """Read the height in pixels from the first packet of a key frame, where it is easy.

    VP8 writes it after the start code of every key frame (RFC 6386 §9.1), H.264 in its
    parameter set; others return None.
    """
    if codec == "H264":
        return h264.picture_height(payload)
    if codec != "VP8" or not payload:
        return None
    at = _vp8_descriptor_bytes(payload) + 3
    if len(payload) < at + 7 or payload[at : at + 3] != b"\x9d\x01\x2a":
        return None
    return (payload[at + 5] | payload[at + 6] << 8) & 0x3FFF
