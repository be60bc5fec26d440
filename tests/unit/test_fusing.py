"""Fusing two rankings: what is near and what has the words, and both before either."""

from hartonomous_service.search.fusing import Found, by_nearness, fuse, lead


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


def test_the_nearest_is_among_the_first_three_and_the_others_keep_their_order() -> None:
    far = ranked((2, 3), (3, 2), (4, 4), (5, 5), (1, None), (None, 1))

    assert order(lead(far, None)) == [1, 2, 5, 3, 4, 6]
    assert order(lead(far, far[3])) == [4, 1, 5, 2, 3, 6]
    assert order(lead(far, far[4])) == [5, 1, 2, 3, 4, 6]


def test_what_is_near_the_top_stays_where_it_is() -> None:
    near = ranked((2, 3), (3, 2), (1, 1), (4, 4))

    assert order(lead(near, None)) == [1, 2, 3, 4]
    assert order(lead(near, near[0])) == [1, 2, 3, 4]
    assert order(lead(near, near[3])) == [4, 1, 3, 2]
    assert order(lead(near[:2], near[1])) == [2, 1]
    assert lead([], None) == []


def test_by_nearness_the_best_by_words_is_among_the_first_three() -> None:
    found = [Found(n, 0.1 * n, 6 - n, None) for n in range(1, 6)]

    assert order(by_nearness(found)) == [5, 4, 3, 2, 1]
    assert order(by_nearness([Found(6, None, None, 1), Found(7, None, None, 2), *found])) == [5, 4, 6, 3, 2, 1, 7]
    assert order(by_nearness([found[0], Found(6, 0.9, 1, 1), found[1]])) == [6, 2, 1]
    assert by_nearness([]) == []
