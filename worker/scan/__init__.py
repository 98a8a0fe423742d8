"""``tonearm scan``: the tags of real audio files, published as events (docs/scan.md)."""
