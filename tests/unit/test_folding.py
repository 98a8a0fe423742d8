"""Folding: the same letters whoever typed them, by whichever way through the code."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db import search_document
from db.folding import fold, name, romanized
from db.query_language import parse
from db.search_document import build, core, quoted
from db.tsquery import groups_query


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("AC/DC", "acdc"),
        ("Guns N' Roses", "gunsroses"),
        ("Simon & Garfunkel", "simongarfunkel"),
        ("Beatles, The", "beatles"),
        ("The Beatles", "beatles"),
        ("A-ha", "aha"),
        ("The The", "the"),
        ("Straße", "strasse"),
        ("İstanbul", "istanbul"),
        ("ﾊﾟﾌﾟﾘｶ", "はふりか"),
        ("Don\u2019t", "dont"),
        ("ze\u200bro", "zero"),
    ],
)
def test_a_name_has_the_key_that_people_type(typed, key):
    assert name(typed).keys[0] == key


@pytest.mark.parametrize(
    ("typed", "read"),
    [("P!nk", "pink"), ("Ke$ha", "kesha"), ("A$AP", "asap"), ("deadmau5", "deadmaus"), ("KoЯn", "korn")],
)
def test_stylised_letters_are_read_as_what_they_stand_for(typed, read):
    assert read in name(typed).keys


def test_a_name_of_nothing_but_signs_keeps_them():
    assert (name("+ / -").sign, name("!!!").sign, name("a!").sign) == ("+/-", "!!!", "")


def test_other_scripts_are_also_in_latin_letters():
    assert romanized("Группа крови") == [("gruppa",), ("krovi",)]


@pytest.mark.parametrize(
    ("title", "left"),
    [
        ("Bohemian Rhapsody - Remastered 2011", "Bohemian Rhapsody"),
        ("Halo (Live)", "Halo"),
        ("Crazy in Love feat. Jay-Z", "Crazy in Love"),
        ("(Don't Fear) The Reaper", None),
        ("Left-Right", None),
    ],
)
def test_what_follows_a_name_can_be_left_out(title, left):
    assert core(title) == left


@given(st.text(alphabet="abcN THEand&ftv", max_size=30))
def test_the_short_way_for_plain_names_gives_what_the_long_way_gives(text):
    usual = search_document._field(text, 1, "B", layered=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search_document, "LONGEST_WORD", -1)
        longer = search_document._field(text, 1, "B", layered=True)
    assert sorted(usual.literal.split()) == sorted(longer.literal.split())
    assert (usual.size, usual.core_size, usual.words) == (longer.size, longer.core_size, longer.words)


@given(st.text(max_size=60))
def test_folding_takes_any_text_and_folding_again_changes_nothing(text):
    build({"title": text, "artist": text, "album": text, "genre": text, "year": 1999, "format": text})
    assert fold(fold(text)) == fold(text) or not fold(text).isascii()


def test_a_query_is_composed_of_quoted_lexemes_only():
    query = parse("it's a:b* & (c | !d) 'x'")
    assert groups_query(query.required) == "('its' & (('a' & 'b') | 'ab') & 'c' & 'd' & 'x')"
    assert quoted("'") == "''''"


def test_dashes_and_quotes_alone_are_the_same_name_whichever_they_are():
    assert name("–").sign == name("—").sign == name("-").sign == "-"
    assert name("“?”").sign == name('"?"').sign
