"""The music library's database: saving tracks, driving them through their states, getting, listing and searching."""
