"""What the tiers of a search ask the database for: the parameters of its function ``search_tracks``."""

from typing import NamedTuple

from db.models import Match

__all__ = ["Exact", "Plan", "Prefix", "Words"]


class Exact(NamedTuple):
    """The type ``search_exact`` of the database: tsquery text, None for nothing."""

    asked: str | None
    cores: str | None
    key_a: str | None
    key_b: str | None
    core_a: str | None
    core_b: str | None
    phrase: str | None
    typed: str
    bare: str | None


class Words(NamedTuple):
    """The type ``search_words``; ``layers`` come before ``asked``, unless ``few`` tracks have all the words.

    ``costly``: each of the words has a long list in the index; ``most``: so many tracks have all of them that they are
    found sooner without the index.
    """

    asked: str | None
    layers: list[str]
    few: bool
    costly: bool
    most: bool
    words_a: str | None
    words_b: str | None
    words_ab: str | None
    words_abc: str | None
    album: str | None
    named: str | None
    phrase: str | None
    whole: str | None
    size: int


class Prefix(NamedTuple):
    """The type ``search_prefix``; ``also`` is for the hits of ``asked``, where the index is not asked for it.

    ``complete``: all words that go on were looked for, not only the commonest.
    """

    asked: str | None
    layers: list[str]
    also: str | None
    words_a: str | None
    words_b: str | None
    words_ab: str | None
    beginning: str | None
    named: str | None
    length: int
    complete: bool


class Plan(NamedTuple):
    """What all tiers ask for; ``prefix`` is None where no word can go on, ``seen`` is what all their hits match."""

    exact: Exact
    words: Words
    prefix: Prefix | None
    seen: str

    def branches(self, match: Match, *, layered: bool = True) -> tuple[str, ...]:
        """Return the queries that one of these tiers puts to the index, in this order."""
        tier: Exact | Words | Prefix | None = getattr(self, match)
        if isinstance(tier, Exact):
            return tuple(query for query in (tier.asked, tier.cores) if query)
        layers = tier.layers if layered and tier else []
        return tuple(query for query in (*layers, tier.asked if tier else None) if query)
