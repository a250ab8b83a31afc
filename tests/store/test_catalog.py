"""The catalog's tree, on both engines."""

import secrets
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from clary.store.catalog import Catalog, Tree
from clary.store.database import Database


@pytest.fixture
def catalog(database: Database) -> Catalog:
    return Catalog(database)


@pytest.fixture
def tree(catalog: Catalog) -> Iterator[Tree]:
    with catalog.write() as tree:
        yield tree


def names(tree: Tree, parent: int, kind: str = "x") -> list[str]:
    return [node.name for node in tree.children(parent, kind)]


def test_documents_are_found_below_their_parent(tree: Tree) -> None:
    assert tree.root("a", "r") == 0
    assert tree.get(0, "x", "one") is None
    root, other = tree.make_root("a", "r"), tree.make_root("b", "r")
    assert tree.make_root("a", "r") == tree.root("a", "r") == root != other
    one = tree.add(root, "x", "one", {"n": 1, "text": 'a\0"\\'})
    tree.add(root, "y", "one", {"n": 2})
    tree.add(other, "x", "one", {"n": 3})
    assert tree.get(root, "x", "one") == one
    assert names(tree, other) == ["one"]
    assert names(tree, one.id) == []


def test_a_name_is_taken_once(catalog: Catalog) -> None:
    with catalog.write() as tree:
        root = tree.make_root("a", "r")
        tree.add(root, "x", "one", {})
    with pytest.raises(sa.exc.IntegrityError), catalog.write() as tree:
        tree.add(root, "x", "one", {})


def test_a_name_may_be_long(tree: Tree) -> None:
    root, name = tree.make_root("a", "r"), secrets.token_urlsafe(2000)[:2500]  # nothing can make it shorter
    tree.add(root, "partition", name, {})
    assert tree.get(root, "partition", name)


def test_children_come_by_name_in_stretches(tree: Tree) -> None:
    root = tree.make_root("a", "r")
    tree.add_all(root, "x", {name: {"of": name} for name in ("b", "B", "é", "a", "c")})
    assert names(tree, root) == list(tree.names(root, "x")) == ["B", "a", "b", "c", "é"]
    assert [node.name for node in tree.children(root, "x", after="a", limit=2)] == ["b", "c"]
    assert list(tree.names(root, "x", after="c")) == ["é"]


def test_many_are_found_by_name(tree: Tree) -> None:
    root = tree.make_root("a", "r")
    many = {f"{number:04}": {"n": number} for number in range(1200)}
    tree.add_all(root, "x", many)
    found = tree.some(root, "x", [*list(many)[::2], "none"])
    assert {name: node.body["n"] for name, node in found.items()} == {f"{n:04}": n for n in range(0, 1200, 2)}


def test_a_document_changes_its_name_and_keeps_what_is_below(tree: Tree) -> None:
    root = tree.make_root("a", "r")
    node = tree.add(root, "x", "one", {"n": 1})
    below = tree.add(node.id, "x", "below", {})
    node.name, node.body = "two", {"n": 2}
    tree.store(node)
    assert names(tree, root) == ["two"]
    found = tree.get(root, "x", "two")
    assert found
    assert (found.id, found.body) == (node.id, {"n": 2})
    assert tree.get(node.id, "x", "below") == below


def test_what_lies_below_goes_with_a_document(tree: Tree) -> None:
    root = tree.make_root("a", "r")
    one, two = tree.add(root, "x", "one", {}), tree.add(root, "x", "two", {})
    below = tree.add(one.id, "x", "below", {})
    tree.add(below.id, "x", "deep", {})
    kept = tree.add(two.id, "x", "below", {})
    tree.remove(one)
    assert names(tree, root) == ["two"]
    assert names(tree, one.id) == names(tree, below.id) == []
    again = tree.add(root, "x", "one", {})
    assert again.id > kept.id
    assert names(tree, again.id) == []


def test_what_raises_leaves_nothing(catalog: Catalog) -> None:
    with pytest.raises(KeyError), catalog.write() as tree:
        tree.add(tree.make_root("a", "r"), "x", "one", {})
        raise KeyError
    with catalog.read() as tree:
        assert tree.root("a", "r") == 0
