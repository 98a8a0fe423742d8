"""Your own code, called when a track has been completed or has failed (docs/hooks.md).

A hook is a function of one argument, a TrackResult. It is named by a setting or an entry point, and called after the
commit, at most once, from a thread of its own.
"""

from worker.hooks.loading import Hook, HookError, Hooks, load_hooks
from worker.hooks.result import TrackResult

__all__ = ["Hook", "HookError", "Hooks", "TrackResult", "load_hooks"]
