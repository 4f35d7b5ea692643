"""The height of an H.264 picture from its sequence parameter set (ITU-T H.264 §7.3.2.1.1).

Reads as far as the frame size and no further. Never raises on any bytes.
"""

_SPS, _STAP_A = 7, 24
_CHROMA_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_YUV_420, _YUV_444 = 1, 3
_MAX_BITS = 4096


class _Bits:
    """Bits of a NAL unit's payload, most significant first; reads past the end give zeros."""

    def __init__(self, data: bytes) -> None:
        # Emulation prevention (§7.4.1.1): 00 00 03 stands for 00 00.
        plain = data.replace(b"\x00\x00\x03", b"\x00\x00")
        self._value = int.from_bytes(plain, "big")
        self._left = 8 * len(plain)

    def take(self, count: int) -> int:
        self._left -= count
        return self._value >> self._left & ((1 << count) - 1) if self._left >= 0 else 0

    def golomb(self) -> int:
        """Unsigned Exp-Golomb (§9.1)."""
        zeros = 0
        while self._left > 0 and self.take(1) == 0:
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros) if zeros < 32 else 0


def picture_height(payload: bytes) -> int | None:
    """Return the height in pixels if an RTP payload carries an SPS, alone or in a STAP-A."""
    for nal in _nal_units(payload):
        if nal and nal[0] & 0x1F == _SPS and len(nal) > 4:
            return _height(_Bits(nal[1 : _MAX_BITS // 8]))
    return None


def _nal_units(payload: bytes) -> list[bytes]:
    if not payload:
        return []
    if payload[0] & 0x1F != _STAP_A:
        return [payload]
    units, at = [], 1
    while at + 2 < len(payload):
        size = payload[at] << 8 | payload[at + 1]
        units.append(payload[at + 2 : at + 2 + size])
        at += 2 + size
    return units


def _height(bits: _Bits) -> int | None:
    profile = bits.take(8)
    bits.take(16)
    bits.golomb()
    chroma = _YUV_420
    if profile in _CHROMA_PROFILES:
        chroma = bits.golomb()
        if chroma == _YUV_444:
            bits.take(1)
        bits.golomb()
        bits.golomb()
        bits.take(1)
        if bits.take(1):
            # Scaling lists: no browser writes them.
            return None
    bits.golomb()
    _skip_order_count(bits)
    bits.golomb()
    bits.take(1)
    bits.golomb()
    map_units = bits.golomb() + 1
    frame_only = bits.take(1)
    if not frame_only:
        bits.take(1)
    bits.take(1)
    bottom = 0
    if bits.take(1):
        bits.golomb()
        bits.golomb()
        bottom = bits.golomb() + bits.golomb()
    crop_unit = 2 if chroma == _YUV_420 else 1
    height = (2 - frame_only) * (16 * map_units - crop_unit * bottom)
    return height if 0 < height <= 16384 else None


def _skip_order_count(bits: _Bits) -> None:
    kind = bits.golomb()
    if kind == 0:
        bits.golomb()
    elif kind == 1:
        bits.take(1)
        bits.golomb()
        bits.golomb()
        for _ in range(min(bits.golomb(), 255)):
            bits.golomb()
