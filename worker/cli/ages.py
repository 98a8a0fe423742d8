"""Ages as people write them: 10m, 36h, 90d, 12w."""

import re
from datetime import timedelta

import typer

_AGE = re.compile(r"(\d+)([smhdw])")
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


def age(text: str) -> timedelta:
    """Return how long that is. Raises typer.BadParameter for what is no age, and for none at all."""
    match = _AGE.fullmatch(text)
    if match is None or match[1].strip("0") == "":
        raise typer.BadParameter(f"{text!r} is no age: say 10m, 36h, 90d or 12w")
    try:
        return int(match[1]) * _UNITS[match[2]]
    except OverflowError as error:
        raise typer.BadParameter(f"{text!r} is longer than there has been time") from error
