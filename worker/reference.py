"""What documents quote from the code: ``python -m worker.reference schema`` and ``… settings``; tests compare them."""

import json
import sys

from pydantic_core import PydanticUndefined

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


if __name__ == "__main__":
    if sys.argv[1:] == ["settings"]:
        print(settings_table())  # noqa: T201 - a program's output
    else:
        print(json.dumps(json_schema(), indent=2, ensure_ascii=False))  # noqa: T201 - a program's output
