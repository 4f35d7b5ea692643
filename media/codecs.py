"""Which codecs are forwarded, and when two payload types mean the same stream.

The server never transcodes, so a codec is served when every current browser can play it: Opus,
VP8, H264, VP9 profile 0 and AV1 profile 0.
"""

from collections.abc import Sequence

from media.description import RtpCodec

_H264_DEFAULT = "420010"  # RFC 6184 §8.1: absent means Baseline, level 1

# (profile_idc, mask and value of profile_iop) of RFC 6184 §8.1 table 5, and RFC 7742's High ones.
_H264_PROFILES = (
    (0x42, 0x4F, 0x40, "constrained baseline"),
    (0x4D, 0x8F, 0x80, "constrained baseline"),
    (0x58, 0xCF, 0xC0, "constrained baseline"),
    (0x42, 0x4F, 0x00, "baseline"),
    (0x58, 0xCF, 0x80, "baseline"),
    (0x4D, 0xAF, 0x00, "main"),
    (0x64, 0xFF, 0x00, "high"),
    (0x64, 0xFF, 0x0C, "constrained high"),
)
_ALIKE = frozenset({"constrained baseline", "baseline"})
_DECODABLE_BY = {
    "constrained baseline": frozenset({"main", "constrained high", "high"}),
    "main": frozenset({"high"}),
    "constrained high": frozenset({"high"}),
}


def is_served(codec: RtpCodec) -> bool:
    """Tell whether packets of this codec can be forwarded."""
    match codec.name, codec.clock_rate:
        case "opus", 48000:
            return codec.channels == 2
        case "VP8", 90000:
            return True
        case "VP9", 90000:
            return codec.parameters.get("profile-id", "0") == "0"
        case "AV1", 90000:
            return codec.parameters.get("profile", "0") == "0"
        case "H264", 90000:
            return packetization_mode(codec) in {0, 1} and _profile_bytes(codec) is not None
        case _:
            return False


def packetization_mode(codec: RtpCodec) -> int | None:
    """Return the H264 packetization-mode (RFC 6184 §6.2), None if it is not one."""
    mode = codec.parameters.get("packetization-mode", "0")
    return int(mode) if mode in {"0", "1", "2"} else None


def match_codec(codec: RtpCodec, accepted: Sequence[RtpCodec]) -> RtpCodec | None:
    """Find the payload type of `accepted` that carries a stream of `codec`.

    H264 (levels are not compared): the same packetization-mode before mode 1 for a stream of
    mode 0, then the profile in this order: equal bytes, the same profile spelled otherwise, the
    other of baseline and constrained baseline, one that decodes it, any. A stream of mode 1 never
    goes to a peer that accepts only mode 0. Earlier entries win ties.
    """
    alike = [
        other
        for other in accepted
        if (other.name, other.clock_rate, other.channels)
        == (codec.name, codec.clock_rate, codec.channels)
    ]
    if codec.name == "H264":
        mode = packetization_mode(codec)
        alike = [other for other in alike if packetization_mode(other) in {mode, 1}]
        return max(alike, key=lambda other: _h264_closeness(codec, other), default=None)
    return next((other for other in alike if _same_profile(codec, other)), None)


def _same_profile(codec: RtpCodec, other: RtpCodec) -> bool:
    """Compare the parameter that names a bitstream profile; absent means profile 0."""
    key = {"VP9": "profile-id", "AV1": "profile"}.get(codec.name)
    return key is None or codec.parameters.get(key, "0") == other.parameters.get(key, "0")


def _h264_closeness(codec: RtpCodec, other: RtpCodec) -> tuple[bool, int]:
    same_mode = packetization_mode(codec) == packetization_mode(other)
    if _profile_bytes(codec) == _profile_bytes(other):
        return same_mode, 4
    profile, other_profile = _profile(codec), _profile(other)
    if profile is None or other_profile is None:
        return same_mode, 0
    if profile == other_profile:
        return same_mode, 3
    if {profile, other_profile} == _ALIKE:
        return same_mode, 2
    return same_mode, int(other_profile in _DECODABLE_BY.get(profile, ()))


def _profile_bytes(codec: RtpCodec) -> bytes | None:
    """profile_idc and profile_iop of `profile-level-id`, or None if it is malformed."""
    text = codec.parameters.get("profile-level-id", _H264_DEFAULT)
    try:
        value = bytes.fromhex(text)
    except ValueError:
        return None
    return value[:2] if len(text) == 6 and len(value) == 3 else None


def _profile(codec: RtpCodec) -> str | None:
    value = _profile_bytes(codec)
    if value is None:
        return None
    for idc, mask, iop, name in _H264_PROFILES:
        if value[0] == idc and value[1] & mask == iop:
            return name
    return None
