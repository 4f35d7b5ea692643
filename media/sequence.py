"""Serial number arithmetic (RFC 1982) for RTP's 16-bit sequence numbers and 32-bit timestamps."""


def unwrap(value: int, reference: int, bits: int) -> int:
    """Return the integer congruent to `value` modulo 2**bits that lies nearest to `reference`.

    With `reference` the highest unwrapped number so far this extends wrapping counters
    (RFC 3550 appendix A.1). The result may be negative right after the start of a stream.
    """
    span = 1 << bits
    half = span >> 1
    return reference + ((value - reference + half) & (span - 1)) - half


def is_newer(a: int, b: int, bits: int = 16) -> bool:
    """Tell whether wrapped counter `a` comes after `b` (RFC 1982 §3.2)."""
    return 0 < ((a - b) & ((1 << bits) - 1)) < (1 << (bits - 1))
