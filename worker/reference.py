"""What documents quote from the code: ``python -m worker.reference schema | asyncapi | settings``; tests compare it."""

import json
import sys
from collections.abc import Callable

from pydantic_core import PydanticUndefined

from worker import asyncapi
from worker.events import json_schema
from worker.settings import Settings


def settings_table() -> str:
    """Return the settings as a Markdown table, from the Settings class."""
    rows = ["| variable | default | what it is |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        if field.default_factory is not None:
            default = "by user"
        elif field.default is None or field.default is PydanticUndefined:
            default = "–"
        else:
            default = f"`{field.default:g}`" if isinstance(field.default, float) else f"`{field.default}`"
        rows.append(f"| `{name.upper()}` | {default} | {field.description} |")
    return "\n".join(rows)


def _json(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)


_WRITERS: dict[str, Callable[[], str]] = {
    "asyncapi": lambda: _json(asyncapi.document()),
    "schema": lambda: _json(json_schema()),
    "settings": settings_table,
}

if __name__ == "__main__":
    print(_WRITERS[sys.argv[1]]())  # noqa: T201 - a program's output
