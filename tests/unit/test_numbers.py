"""Numbers written as words, and words as numbers."""

import pytest

from db.numbers import in_digits, in_words


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("fifty cent", "50 cent"),
        ("blink one eighty two", "blink 182"),
        ("Nineteen Ninety-Nine", "1999"),
        ("one hundred years", "100 years"),
        ("twenty one pilots", "21 pilots"),
        ("the four seasons", "the 4 seasons"),
        ("ten ten", "1010"),
        ("love", "love"),
        ("", ""),
    ],
)
def test_number_words_become_digits(said, written):
    assert in_digits(said) == written


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("21 pilots", "twenty one pilots"),
        ("matchbox 20", "matchbox twenty"),
        ("7 rings", "seven rings"),
        ("1999", "1999"),
        ("24k magic", "24k magic"),
        ("1.5", "1.5"),
    ],
)
def test_small_numbers_become_words(written, said):
    assert in_words(written) == said
