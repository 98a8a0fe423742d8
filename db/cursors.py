"""Opaque cursors: where a page ended, as URL-safe text that a caller hands back unread.

The text is base64url JSON behind a digest, so that a truncated or edited cursor is refused. The digest is no secret:
a cursor holds nothing that its reader may not see, and whatever it holds is checked again before it reaches SQL.
"""

import base64
import json
from hashlib import blake2s
from typing import Any

from db.errors import ValidationError

_DIGEST_BYTES = 6
_MAX_CHARS = 8192


def _digest(body: bytes) -> bytes:
    return blake2s(body, digest_size=_DIGEST_BYTES, person=b"cursor1").digest()


def encode(position: dict[str, Any]) -> str:
    """Return the cursor for a position: JSON types only."""
    body = json.dumps(position, separators=(",", ":"), sort_keys=True).encode()
    return base64.urlsafe_b64encode(_digest(body) + body).decode().rstrip("=")


def decode(cursor: str, keys: frozenset[str]) -> dict[str, Any]:
    """Return the position in a cursor, which has exactly ``keys``; their values are the caller's to check.

    Raises ValidationError for whatever ``encode`` did not make.
    """
    position = _position(cursor) if isinstance(cursor, str) and len(cursor) <= _MAX_CHARS else None
    if not isinstance(position, dict) or position.keys() != keys:
        raise ValidationError(f"cursor: {cursor!r:.80} is not one that this listing gave; begin again without a cursor")
    return position


def _position(cursor: str) -> object:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        digest, body = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
        return json.loads(body) if digest == _digest(body) else None
    except (ValueError, RecursionError):  # no base64, no UTF-8, no JSON
        return None
