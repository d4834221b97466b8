"""Says of a key that it was never put in, for certain, or that it may have been, in two bytes a key.

A Bloom filter (B. H. Bloom, Space/time trade-offs in hash coding with allowable errors, CACM 13, 1970) with four
places a key and 16 bits each: about one key in 400 is taken for one that was put in. When it is full a second one
of twice the size stands beside it (P. S. Almeida et al., Scalable Bloom filters, 2007). Keys are digests: their
own bits are the hashes.
"""

from __future__ import annotations

import struct

FIRST = 1 << 16
"""Keys of the first filter."""
_BITS = 16
_PLACES = struct.Struct("<4I")


class Sieve:
    """Keys of 16 bytes each. Adding one while others are looked up harms neither."""

    def __init__(self, first: int = FIRST) -> None:
        """`first` keys before it grows; a power of two."""
        self._filters = [bytearray(first * _BITS // 8)]
        self._room = first

    def add(self, key: bytes) -> None:
        """Put a key in."""
        if key in self:
            return
        if not self._room:
            larger = bytearray(2 * len(self._filters[-1]))
            self._room = len(larger) * 8 // _BITS
            self._filters.append(larger)
        self._room -= 1
        bits = self._filters[-1]
        mask = len(bits) * 8 - 1
        for place in _PLACES.unpack(key):
            at = place & mask
            bits[at >> 3] |= 1 << (at & 7)

    def __contains__(self, key: object) -> bool:
        """Whether a key may have been put in."""
        places = _PLACES.unpack(key)  # type: ignore[arg-type]  # bytes, or it is a bug of ours
        return any(_all_set(bits, places) for bits in self._filters)


def _all_set(bits: bytearray, places: tuple[int, ...]) -> bool:
    mask = len(bits) * 8 - 1
    for place in places:
        at = place & mask
        if not bits[at >> 3] >> (at & 7) & 1:
            return False
    return True
