# ruff: noqa: RUF001 - letters that look like others are the subject here
"""Tables of letters for folding: which scripts have no spaces, which marks are accents, what is typed for what."""

import re

__all__ = ["DASHES", "INDIC", "LOOKALIKES", "MIXED", "TABLE", "UNSPACED", "VOWELS"]

# Scripts written without spaces (and Korean, where a part of a word is what people type): cut into pairs of characters.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa"
    "\u30fc-\u318f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
)
INDIC = "\u0900-\u0963\u0966-\u0dff\u0f40-\u0fbc"

# Marks that are accents, invisible characters, and signs that NFKC leaves alone though people type something else.
_ACCENTS = (
    (0x0300, 0x036F), (0x0483, 0x0489), (0x0591, 0x05C7), (0x0610, 0x061A), (0x064B, 0x065F), (0x0670, 0x0670),
    (0x06D6, 0x06DC), (0x06DF, 0x06E8), (0x06EA, 0x06ED), (0x08D3, 0x08FF), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF),
    (0x20D0, 0x20FF), (0x3099, 0x309A), (0xFE00, 0xFE0F), (0xFE20, 0xFE2F), (0xE0100, 0xE01EF),
)  # fmt: skip
_INVISIBLE = (0x00AD, 0x034F, 0x061C, 0x0640, 0x115F, 0x1160, 0x180E, 0x3164, 0xFEFF, 0xFFA0, *range(0x200B, 0x2010))
_INVISIBLE += (*range(0x202A, 0x202F), *range(0x2060, 0x2070), *range(0xFFF0, 0xFFFC))
_LETTERS = {
    "ø": "o", "ł": "l", "æ": "ae", "œ": "oe", "ð": "d", "đ": "d", "þ": "th", "ı": "i", "ħ": "h", "ŋ": "n", "ŧ": "t",
    "ƒ": "f", "ə": "a", "ɛ": "e", "ɔ": "o", "ß": "ss", "ĸ": "k", "ƀ": "b", "ɨ": "i", "ʉ": "u",
    "ى": "ي", "ی": "ي", "ک": "ك", "ة": "ه", "ٱ": "ا", "ۀ": "ه",
    "і": "и", "є": "е", "ґ": "г",
    "\u2019": "'", "\u2018": "'", "\u02bc": "'", "\u02bb": "'", "\u02b9": "'", "`": "'", "\u00b4": "'", "\uff07": "'",
    "\u05f3": "'", "\u05f4": '"', "\u201c": '"', "\u201d": '"', "\u2044": "/",
    "\u2206": "a", "\u00d7": " x ", "\u30fb": " ", "\u3000": " ", "\u00a7": "s",
}  # fmt: skip
_SMALL_KANA = dict(zip("ぁぃぅぇぉっゃゅょゎゕゖ", "あいうえおつやゆよわかけ", strict=True))

TABLE: dict[int, str | None] = {ord(sign): letters for sign, letters in _LETTERS.items()}
TABLE |= {point: None for first, last in _ACCENTS for point in range(first, last + 1)}
TABLE |= dict.fromkeys(_INVISIBLE)
TABLE |= {ord(small): large for small, large in _SMALL_KANA.items()}
for _katakana in range(0x30A1, 0x30F7):
    _hiragana = chr(_katakana - 0x60)
    TABLE[_katakana] = _SMALL_KANA.get(_hiragana, _hiragana)
VOWELS = dict.fromkeys((*range(0x0591, 0x05C8), *range(0x0610, 0x061B), *range(0x064B, 0x0660)))
DASHES = dict.fromkeys((*range(0x2010, 0x2016), 0x2212), "-")
DASHES |= {ord(sign): letters for sign, letters in _LETTERS.items() if letters in "'\""}
_CONTROL = dict.fromkeys((*range(32), *range(127, 160)), " ")
TABLE |= _CONTROL

# Letters of other alphabets that stand for Latin ones inside a Latin word, by their looks: KoЯn, ΛLISON.
LOOKALIKES = str.maketrans("яидшцвсенкмртхуаоλσεξαβντωρφ", "rnawuvcehkmptxyaoaeeeabvtwpo")
MIXED = re.compile(r"[a-z].*[\u0370-\u04ff]|[\u0370-\u04ff].*[a-z]")
