"""Writes arrays and rows as PostgreSQL reads them: one parameter for many values, whatever is in them."""

from collections.abc import Iterable

__all__ = ["array", "row"]


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _written(value: object, null: str) -> str:
    if value is None:
        return null
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, list | tuple):
        return _quoted(array(value))
    return str(value)


def array(values: Iterable[object]) -> str:
    """Return the text of an array; None is null."""
    return "{" + ",".join([_written(value, "NULL") for value in values]) + "}"


def row(values: Iterable[object]) -> str:
    """Return the text of a row: strings, numbers, booleans, None, and lists of them for arrays."""
    return "(" + ",".join([_written(value, "") for value in values]) + ")"
