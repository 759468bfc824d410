"""RFC 9162 §2.1: the known tree of eight leaves, and every tree and proof up to 130 leaves against the definition."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.audit import merkle, tree

# The test vectors that implementations of Certificate Transparency share.
INPUTS = [
    bytes.fromhex(each)
    for each in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
# Other hashes inside that tree: of a leaf, or of the leaves of these numbers.
LEAF_1 = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
NODE_23 = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
NODE_4567 = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
LEAF_4 = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
NODE_67 = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
NODE_45 = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
LEAVES = [merkle.leaf_hash(each) for each in INPUTS]
MANY = [merkle.leaf_hash(str(number).encode()) for number in range(130)]


@pytest.mark.parametrize("size", range(1, 9))
def test_the_roots_are_the_published_ones(size: int) -> None:
    assert merkle.root(LEAVES[:size]).hex() == ROOTS[size - 1]


def test_the_empty_tree_is_the_hash_of_nothing() -> None:
    assert merkle.root([]) == hashlib.sha256(b"").digest()


@pytest.mark.parametrize(
    ("index", "size", "path"),
    [
        (0, 1, []),
        (0, 8, [LEAF_1, NODE_23, NODE_4567]),
        (5, 8, [LEAF_4, NODE_67, ROOTS[3]]),
        (2, 3, [ROOTS[1]]),
        (1, 5, [ROOTS[0], NODE_23, LEAF_4]),
    ],
)
def test_inclusion_paths_are_the_published_ones(index: int, size: int, path: list[str]) -> None:
    assert [each.hex() for each in merkle.inclusion(LEAVES[:size], index)] == path


@pytest.mark.parametrize(
    ("first", "second", "path"),
    [
        (1, 1, []),
        (1, 8, [LEAF_1, NODE_23, NODE_4567]),
        (6, 8, [NODE_45, NODE_67, ROOTS[3]]),
        (2, 5, [NODE_23, LEAF_4]),
    ],
)
def test_consistency_paths_are_the_published_ones(first: int, second: int, path: list[str]) -> None:
    assert [each.hex() for each in merkle.consistency(LEAVES[:second], first)] == path


@pytest.mark.parametrize("size", range(1, 131))
def test_every_leaf_of_every_tree_is_proved(size: int) -> None:
    root = merkle.root(MANY[:size])
    for index in range(size):
        path = merkle.inclusion(MANY[:size], index)
        assert len(path) <= size.bit_length()
        assert merkle.verify_inclusion(MANY[index], index, size, path, root)
        assert not merkle.verify_inclusion(MANY[index], (index + 1) % size, size, path, root) or size == 1
        assert not merkle.verify_inclusion(MANY[index - 1], index, size, path, root) or size == 1


@pytest.mark.parametrize("second", range(1, 131))
def test_every_tree_continues_every_smaller_one(second: int) -> None:
    new = merkle.root(MANY[:second])
    for first in range(second + 1):
        old, path = merkle.root(MANY[:first]), merkle.consistency(MANY[:second], first)
        assert merkle.verify_consistency(first, second, old, new, path)
        if 0 < first < second:
            assert not merkle.verify_consistency(first, second, MANY[-1], new, path)
            assert not merkle.verify_consistency(first, second, old, MANY[-1], path)
            assert not merkle.verify_consistency(first, second, old, new, path[:-1])


@given(st.data())
@settings(max_examples=300)
def test_a_proof_with_anything_changed_proves_nothing(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 130))
    index = data.draw(st.integers(0, size - 1))
    path = merkle.inclusion(MANY[:size], index)
    root = merkle.root(MANY[:size])
    at = data.draw(st.integers(0, len(path) - 1))
    match data.draw(st.sampled_from(["flip", "drop", "double", "append", "size"])):
        case "flip":
            path[at] = bytes([path[at][0] ^ 1]) + path[at][1:]
        case "drop":
            del path[at]
        case "double":
            path.insert(at, path[at])
        case "append":
            path.append(MANY[0])
        case "size":
            assert not merkle.verify_inclusion(MANY[index], size, size, path, root)
            return
    assert not merkle.verify_inclusion(MANY[index], index, size, path, root)


@given(st.integers(0, 130), st.integers(0, 130))
def test_a_changed_past_is_not_continued(first: int, second: int) -> None:
    first, second = sorted((first, second))
    if not 0 < first < second:
        return
    changed = [merkle.leaf_hash(b"changed"), *MANY[1:first]]
    path = merkle.consistency(MANY[:second], first)
    assert not merkle.verify_consistency(first, second, merkle.root(changed), merkle.root(MANY[:second]), path)


@pytest.mark.parametrize("size", range(1, 131))
def test_complete_subtrees_fold_to_the_root(size: int) -> None:
    places = tree.cover(0, size)
    assert len(places) == size.bit_count()
    hashes = [merkle.root(MANY[place << level : (place + 1) << level]) for level, place in places]
    assert tree.fold(hashes) == merkle.root(MANY[:size])


@pytest.mark.parametrize("wrong", [(-1, 3), (3, 3), (0, 0)])
def test_a_leaf_that_is_not_there_has_no_path(wrong: tuple[int, int]) -> None:
    index, size = wrong
    with pytest.raises(ValueError, match="no leaf"):
        merkle.inclusion(MANY[:size], index)
    assert not merkle.verify_inclusion(MANY[0], index, size, [], MANY[0])
