"""Reads numbers that are written as words, and writes numbers as words: ``fifty cent`` and ``50 Cent``."""

import re

__all__ = ["in_digits", "in_words"]

_UNITS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_VALUES = {word: value for value, word in enumerate(_UNITS)} | {word: 10 * at for at, word in enumerate(_TENS, 2)}
_HUNDRED = 100


def in_words(text: str) -> str:
    """Return the text with its numbers below a hundred as words; other words as they are."""
    return re.sub(r"(?<![\w.])\d{1,2}(?![\w.])", lambda number: _spoken(int(number[0])), text)


def _spoken(number: int) -> str:
    if number < len(_UNITS):
        return _UNITS[number]
    tens, unit = divmod(number, 10)
    return _TENS[tens - 2] + (f" {_UNITS[unit]}" if unit else "")


def in_digits(text: str) -> str:
    """Return the text with number words as digits, those that follow each other as one: ``nineteen ninety nine``."""
    found: list[str] = []
    spoken: list[int] = []
    for word in [*text.lower().replace("-", " ").split(), ""]:
        value = _VALUES.get(word)
        if value is not None:
            if spoken and 0 < value < 10 and spoken[-1] >= 20 and spoken[-1] % 10 == 0:  # noqa: PLR2004 - twenty, one
                spoken[-1] += value
            else:
                spoken.append(value)
        elif word == "hundred" and spoken and spoken[-1] < 10:  # noqa: PLR2004 - one to nine hundred
            spoken[-1] *= _HUNDRED
        else:
            if spoken:
                found.append("".join(map(str, spoken)))
                spoken = []
            found.append(word)
    return " ".join(found).strip()
