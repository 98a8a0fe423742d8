"""Changes tracks: saving, the state machine, the inbox."""
