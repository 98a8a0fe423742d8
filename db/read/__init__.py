"""Answers questions about tracks; writes nothing, so that it works on a replica."""
