"""Which hooks there are: those that the settings name, and those of installed packages' entry points."""

import inspect
import pkgutil
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from typing import Any, Literal, NamedTuple

from db.errors import ValidationError
from worker.hooks.result import TrackResult
from worker.settings import Settings

When = Literal["on_completed", "on_failed"]


class HookError(ValidationError):
    """A hook that is set cannot be called."""

    code = "invalid_hook"


class Hook(NamedTuple):
    """A hook, and the name under which the log speaks of it."""

    name: str
    call: Callable[[TrackResult], object]


class Hooks(NamedTuple):
    """The hooks of each kind, in the order in which they are called."""

    on_completed: tuple[Hook, ...] = ()
    on_failed: tuple[Hook, ...] = ()

    def of(self, when: When) -> tuple[Hook, ...]:
        """Return those of one kind."""
        return self.on_completed if when == "on_completed" else self.on_failed


def load_hooks(settings: Settings) -> Hooks:
    """Import the hooks of the settings, then those of the entry points; one that is named twice is called once.

    Raises HookError that says of every one that cannot be called why.
    """
    faults: list[str] = []
    found = {
        when: _unique(_load(when, named, faults))
        for when, named in (
            ("on_completed", settings.tonearm_on_completed),
            ("on_failed", settings.tonearm_on_failed),
        )
    }
    if faults:
        raise HookError(faults)
    return Hooks(**found)


def _unique(hooks: Iterator[Hook]) -> tuple[Hook, ...]:
    return tuple({id(hook.call): hook for hook in hooks}.values())


def _load(when: str, named: str, faults: list[str]) -> Iterator[Hook]:
    sources: list[tuple[str, str, Callable[[], Any]]] = [
        (f"TONEARM_{when.upper()}", path, lambda path=path: pkgutil.resolve_name(path))  # type: ignore[misc]
        for path in (part.strip() for part in named.split(","))
        if path
    ]
    sources += [
        (f"the entry point {point.name!r} in tonearm.{when}", point.value, point.load)
        for point in sorted(entry_points(group=f"tonearm.{when}"), key=lambda point: (point.name, point.value))
    ]
    for source, path, load in sources:
        try:
            call = load()
        except Exception as error:  # noqa: BLE001 - whatever somebody else's module raises while it is imported
            faults.append(f"{source}: {_why_not_loaded(path, error)}")
            continue
        if fault := _why_not_callable(call):
            faults.append(f"{source}: {path} {fault}")
        else:
            yield Hook(path, call)


def _why_not_loaded(path: str, error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return (
            f"{path} needs the module {error.name!r}, which is not there: install it, or put its directory "
            "into PYTHONPATH"
        )
    if isinstance(error, AttributeError):
        return f"{path} is not there: {error}"
    if isinstance(error, ValueError) and "invalid format" in str(error):
        return f"{path!r} is no dotted path: say package.module:function, with commas between several"
    return f"importing {path} raised {type(error).__name__}: {error}"


def _why_not_callable(call: Any) -> str | None:
    if not callable(call):
        return f"is no function but a {type(call).__name__}"
    if inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(getattr(call, "__call__", None)):  # noqa: B004
        return "is an async function, which nothing would await: let a plain one call asyncio.run"
    try:
        inspect.signature(call).bind(object())
    except TypeError as error:
        return f"cannot be called with one argument, the TrackResult: {error}"
    except ValueError:  # written in C, and does not say
        return None
    return None
