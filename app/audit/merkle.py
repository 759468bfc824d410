"""The tree of RFC 9162 §2.1 over hashes in memory: root, proofs, and checking proofs.

Nothing here knows the portal or a database. What is stored and how few rows a proof reads is in ``tree``.
"""

import hashlib
from collections.abc import Callable, Sequence

EMPTY = hashlib.sha256().digest()  # the root of no leaves

# The hash of the leaves from the first number up to, not including, the second.
Subtree = Callable[[int, int], bytes]


def leaf_hash(document: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + document).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def split(size: int) -> int:
    """The largest power of two below ``size`` (at least 2): where the left half of a tree ends."""
    return 1 << ((size - 1).bit_length() - 1)


def root(hashes: Sequence[bytes]) -> bytes:
    """Of the tree with these leaf hashes."""
    return _whole(hashes)(0, len(hashes)) if hashes else EMPTY


def inclusion(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """RFC 9162 §2.1.3.1: what leads from leaf ``index`` to the root."""
    return inclusion_path(index, len(hashes), _whole(hashes))


def consistency(hashes: Sequence[bytes], first: int) -> list[bytes]:
    """RFC 9162 §2.1.4.1: that the tree of the ``first`` leaves is the beginning of this one."""
    return consistency_path(first, len(hashes), _whole(hashes))


def inclusion_path(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """As ``inclusion``, with the hashes of subtrees taken from ``subtree``."""
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} in a tree of {size}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + split(end - start)
        if index < middle:
            path.append(subtree(middle, end))
            end = middle
        else:
            path.append(subtree(start, middle))
            start = middle
    return path[::-1]


def consistency_path(first: int, second: int, subtree: Subtree) -> list[bytes]:
    """As ``consistency``; empty from a tree of nothing, and from a tree to itself."""
    if not 0 <= first <= second:
        raise ValueError(f"a tree of {first} is not the beginning of one of {second}")
    if first in (0, second):
        return []
    path: list[bytes] = []
    start, end, whole = 0, second, True
    while first < end:
        middle = start + split(end - start)
        if first <= middle:
            path.append(subtree(middle, end))
            end = middle
        else:
            path.append(subtree(start, middle))
            start, whole = middle, False
    return ([] if whole else [subtree(start, end)]) + path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], expected: bytes) -> bool:
    """RFC 9162 §2.1.3.2. ``leaf`` is the leaf's hash, ``expected`` the root of the tree of ``size``."""
    if not 0 <= index < size:
        return False
    fn, sn, found = index, size - 1, leaf
    for each in path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            found = node_hash(each, found)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            found = node_hash(found, each)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and found == expected


def verify_consistency(first: int, second: int, old: bytes, new: bytes, path: Sequence[bytes]) -> bool:
    """RFC 9162 §2.1.4.2. ``old`` and ``new`` are the roots. Every tree continues the empty one."""
    if not 0 <= first <= second:
        return False
    if first == second:
        return not path and old == new
    if first == 0:
        return not path and old == EMPTY
    steps = [old, *path] if first & (first - 1) == 0 else list(path)
    if not steps:
        return False
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    was = now = steps[0]
    for each in steps[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            was, now = node_hash(each, was), node_hash(each, now)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            now = node_hash(now, each)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and was == old and now == new


def _whole(hashes: Sequence[bytes]) -> Subtree:
    def subtree(start: int, end: int) -> bytes:
        if end - start == 1:
            return hashes[start]
        middle = start + split(end - start)
        return node_hash(subtree(start, middle), subtree(middle, end))

    return subtree


__all__ = [
    "EMPTY", "Subtree", "consistency", "consistency_path", "inclusion", "inclusion_path", "leaf_hash", "node_hash",
    "root", "split", "verify_consistency", "verify_inclusion",
]  # fmt: skip
