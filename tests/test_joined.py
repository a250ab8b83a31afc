"""Pieces that lie in one text are a sequence like any other."""

from hypothesis import given
from hypothesis import strategies as st

from clary.joined import Joined, join, total_size


@given(st.lists(st.binary(max_size=5)), st.data())
def test_joined_pieces_are_a_sequence(pieces, data):
    joined = join(pieces)
    assert list(joined) == [joined[number] for number in range(len(joined))] == pieces
    assert total_size(joined) == total_size(pieces) == len(b"".join(pieces))
    part = data.draw(st.slices(len(pieces)))
    assert list(joined[part]) == pieces[part]
    if pieces:
        assert joined[-1] == pieces[-1]
    assert join(joined) is joined
    assert isinstance(joined[1:3], Joined) or not pieces[1:3]
