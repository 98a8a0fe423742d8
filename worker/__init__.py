"""Consumes events and writes: the Celery side of Tonearm."""
