"""Fusing two rankings: what is near and what has the words, and both before either."""

from hartonomous_service.search.fusing import Found, fuse, lead


def order(found: list[Found]) -> list[int]:
    return [each.atom_id for each in found]


def test_what_is_in_both_lists_is_before_what_is_as_near_or_has_as_many_words() -> None:
    found = fuse([(1, 0.6), (2, 0.6), (3, 0.1)], [(2, 9.0), (4, 9.0)], {4: 0.1})

    assert order(found) == [2, 1, 4, 3]
    assert found[0] == Found(2, 0.6, semantic_rank=2, lexical_rank=1)
    assert found[2] == Found(4, 0.1, semantic_rank=None, lexical_rank=2)


def test_the_one_text_with_a_rare_word_is_before_texts_that_are_hardly_nearer_than_it() -> None:
    nearest = [(n, 0.35 - n / 100) for n in range(1, 30)]

    assert order(fuse(nearest, [(50, 12.0), (1, 0.5)], {50: 0.3}))[0] == 50


def test_a_word_that_all_texts_hold_changes_nothing() -> None:
    nearest = [(n, 0.7 - n / 100) for n in range(1, 40)]

    assert order(fuse(nearest, [(n, 1.0) for n in range(39, 0, -1)], {})) == list(range(1, 40))


def test_one_list_alone_keeps_its_order() -> None:
    assert fuse([(3, 0.5), (1, 0.4)], [], {}) == [Found(3, 0.5, 1, None), Found(1, 0.4, 2, None)]
    assert fuse([], [(3, 2.0), (1, 1.0)], {}) == [Found(3, None, None, 1), Found(1, None, None, 2)]


def test_equal_ones_keep_their_order_and_nothing_gives_nothing() -> None:
    assert order(fuse([(1, 0.5), (2, 0.5)], [], {})) == [1, 2]
    assert order(fuse([], [(2, 3.0), (1, 3.0), (3, 1.0)], {})) == [2, 1, 3]
    assert fuse([], [], {}) == []


def test_an_atom_without_a_vector_counts_as_the_farthest() -> None:
    found = fuse([(1, 0.5), (2, 0.2)], [(3, 1.0)], {})

    assert order(found) == [1, 3, 2]
    assert found[1].cosine is None


def ranked(*ranks: tuple[int | None, int | None]) -> list[Found]:
    """Atoms from 1 on, in this order, with their ranks by meaning and by words."""
    return [Found(atom_id, 0.3, *each) for atom_id, each in enumerate(ranks, start=1)]


def test_the_best_of_each_list_are_among_the_first_three_and_the_others_keep_their_order() -> None:
    far = ranked((2, 3), (3, 2), (4, 4), (5, 5), (1, None), (6, 6), (None, 1))

    assert order(lead(far)) == [1, 5, 7, 2, 3, 4, 6]
    assert order(lead(far, far[5])) == [6, 5, 7, 1, 2, 3, 4]
    assert order(lead(far, far[6])) == [7, 1, 5, 2, 3, 4, 6]


def test_what_is_near_the_top_stays_where_it_is() -> None:
    near = ranked((2, 3), (1, None), (None, 1), (3, 2))

    assert order(lead(near)) == [1, 2, 3, 4]
    assert order(lead(near, near[0])) == [1, 2, 3, 4]
    assert order(lead(ranked((2, 2), (3, 3), (1, 1), (4, 4)))) == [1, 2, 3, 4]
    assert order(lead(ranked((2, 2), (3, 3), (4, 4), (1, 1)))) == [1, 2, 4, 3]


def test_few_or_none_have_no_more_than_themselves_at_the_top() -> None:
    assert lead([]) == []
    both = ranked((2, 1), (1, None))
    assert order(lead(both)) == [1, 2]
    assert order(lead(both, both[1])) == [2, 1]
