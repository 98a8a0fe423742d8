"""Random lives of several tracks: after every step rows, history, inbox and read model agree with a small model."""

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from pydantic_core import to_json

from db import IllegalTransitionError, TrackStatus, mark_as_failed, save_audio_metadata
from db.status import TRANSITIONS
from db.write.inbox import settle_stale, store_events
from db.write.transitions import Failure, claim, complete, expire_leases, fail, give_back
from tests.tracks import query

TRACKS = [UUID(int=n + 1) for n in range(2)]
MAX_ATTEMPTS = 3
NOW = 4.5  # moments 0 to 4 are past, 5 to 9 are to come
numbers = st.integers(0, 1)
moments = st.integers(0, 9)


def when(moment):
    return datetime(2020 if moment < NOW else 2050, 1, 1, tzinfo=UTC) + timedelta(hours=moment)


@dataclass
class Event:
    audio_id: UUID
    moment: int
    event_id: UUID
    outcome: str | None = None

    @property
    def order(self):
        return (self.moment, self.event_id.int)


@dataclass
class Track:
    status: TrackStatus | None = None
    walk: list = field(default_factory=list)
    retry_count: int = 0
    current: Event | None = None
    token: UUID | None = None
    will_retry: bool = False
    applied: tuple | None = None
    title: str | None = None

    def go(self, to):
        assert self.status is None or to in TRANSITIONS[self.status]
        self.walk.append((self.status, to))
        self.status = to
        if to != TrackStatus.PROCESSING:
            self.token = None
        self.will_retry = False


class Lives(RuleBasedStateMachine):
    conn = None

    def __init__(self):
        super().__init__()
        query(self.conn, "TRUNCATE audio_tracks, audio_track_history, audio_events, track_search")
        self.conn.commit()
        self.tracks = {audio_id: Track() for audio_id in TRACKS}
        self.events = []
        self.old_tokens = []
        self.ids = (UUID(int=n) for n in itertools.count(1000))

    def held(self):
        return [(audio_id, track) for audio_id, track in self.tracks.items() if track.token]

    def one_of_the_events(self, data):
        """Draw an event: an open one as often as any."""
        unsettled = [event for event in self.events if event.outcome is None]
        return data.draw(st.sampled_from(unsettled or self.events) | st.sampled_from(self.events))

    # -- what happens ------------------------------------------------------------------------------------------------

    def store(self, event):
        row = {"event_id": event.event_id, "audio_id": event.audio_id, "occurred_at": when(event.moment)}
        known = store_events(self.conn, [to_json(row | {"audio_path": "gs://b/a", "payload": {}})])
        self.conn.commit()
        return known

    @rule(number=numbers, moment=moments)
    def an_event_arrives(self, number, moment):
        event = Event(TRACKS[number], moment, next(self.ids))
        assert self.store(event) == set()
        self.events.append(event)
        track = self.tracks[event.audio_id]
        if track.status is None:
            track.go(TrackStatus.PENDING)
            track.current = event

    @precondition(lambda self: self.events)
    @rule(data=st.data())
    def the_same_event_arrives_again(self, data):
        event = data.draw(st.sampled_from(self.events))
        assert self.store(event) == {event.event_id}

    @precondition(lambda self: self.events)
    @rule(data=st.data())
    def an_attempt_claims(self, data):
        event = self.one_of_the_events(data)
        track, token = self.tracks[event.audio_id], next(self.ids)
        (found,) = claim(self.conn, [event.event_id], token=token, lease_seconds=600, owner="w")
        assert found.verdict == self.verdict(event, track)
        if found.verdict == "stale":
            settle_stale(self.conn, [event.event_id])
            event.outcome = "stale"
        if found.verdict == "claimed":
            track.retry_count = track.retry_count if track.current is event else 0
            assert found.retry_count == track.retry_count
            track.go(TrackStatus.PROCESSING)
            track.current, track.token = event, token
        self.conn.commit()

    @staticmethod
    def verdict(event, track):
        if event.outcome:
            return "duplicate"
        if track.applied and event.order <= track.applied:
            return "stale"
        if track.status in {TrackStatus.PENDING, TrackStatus.COMPLETED}:
            return "claimed"
        retried = track.status == TrackStatus.FAILED and (track.current is not event or track.will_retry)
        return "claimed" if retried else "waits"

    @precondition(lambda self: self.held())
    @rule(data=st.data())
    def an_attempt_completes(self, data):
        audio_id, track = data.draw(st.sampled_from(self.held()))
        event, title = track.current, f"title {len(track.walk)}"
        assert self.completion(event, title, track.token) == {audio_id}
        self.old_tokens.append((event, track.token))
        track.go(TrackStatus.COMPLETED)
        track.applied, track.title = event.order, title
        self.settle(event.audio_id, event.order, event)

    def completion(self, event, title, token):
        item = {"id": event.audio_id, "event_id": event.event_id, "occurred_at": when(event.moment)}
        done = complete(self.conn, [item | {"title": title, "audio_path": "gs://b/a"}], token=token)
        self.conn.commit()
        return done

    def settle(self, audio_id, order, applied=None):
        for event in self.events:
            if event.audio_id == audio_id and event.outcome is None and event.order <= order:
                event.outcome = "applied" if event is applied else "stale"

    @precondition(lambda self: self.old_tokens)
    @rule(data=st.data())
    def an_attempt_that_lost_its_lease_wakes_up(self, data):
        taken_over = [(event, token) for event, token in self.old_tokens if self.tracks[event.audio_id].token]
        event, token = data.draw(st.sampled_from(taken_over or self.old_tokens))
        assert self.completion(event, "too late", token) == set()
        assert fail(self.conn, [Failure(event.audio_id, "late", "late", 0)], token=token, max_attempts=9) == []
        assert give_back(self.conn, token=token) == 0
        self.conn.commit()

    @precondition(lambda self: self.held())
    @rule(data=st.data(), permanent=st.booleans())
    def an_attempt_fails(self, data, permanent):
        audio_id, track = data.draw(st.sampled_from(self.held()))
        failure = Failure(audio_id, "codec", "no such codec", None if permanent else 0)
        (failed,) = fail(self.conn, [failure], token=track.token, max_attempts=MAX_ATTEMPTS)
        self.conn.commit()
        self.old_tokens.append((track.current, track.token))
        self.failed(track, retried=not permanent)
        assert (failed.retry_count, failed.next_attempt_at is not None) == (track.retry_count, track.will_retry)

    def failed(self, track, *, retried):
        track.go(TrackStatus.FAILED)
        track.retry_count += 1
        track.will_retry = retried and track.retry_count < MAX_ATTEMPTS and track.current.outcome is None
        if not track.will_retry and track.current.outcome is None:
            track.current.outcome = "rejected"

    @precondition(lambda self: self.held())
    @rule(data=st.data())
    def a_track_is_marked_as_failed_by_hand(self, data):
        audio_id, track = data.draw(st.sampled_from(self.held()))
        self.old_tokens.append((track.current, track.token))
        mark_as_failed(self.conn, audio_id, "somebody said so")
        self.conn.commit()
        self.failed(track, retried=False)

    @precondition(lambda self: self.held())
    @rule(data=st.data())
    def leases_run_out(self, data):
        due = data.draw(st.lists(st.sampled_from([audio_id for audio_id, _ in self.held()]), unique=True, min_size=1))
        query(self.conn, "UPDATE audio_tracks SET lease_expires_at = now() - interval '1 s' WHERE id = ANY(%s)", due)
        self.conn.commit()
        found = expire_leases(
            self.conn, max_attempts=MAX_ATTEMPTS, retry_base=0, retry_cap=0, restart_grace=0, limit=100
        )
        self.conn.commit()
        assert sorted(found) == sorted(due)
        for audio_id in due:
            track = self.tracks[audio_id]
            self.old_tokens.append((track.current, track.token))
            self.failed(track, retried=True)

    @precondition(lambda self: self.held())
    @rule(data=st.data())
    def an_attempt_is_given_back(self, data):
        _, track = data.draw(st.sampled_from(self.held()))
        self.old_tokens.append((track.current, track.token))
        assert give_back(self.conn, token=track.token) == 1
        self.conn.commit()
        track.go(TrackStatus.PENDING)

    @rule(number=numbers)
    def a_track_is_saved_by_hand(self, number):
        track, title = self.tracks[TRACKS[number]], f"saved {len(self.events)}"
        if track.token:
            with pytest.raises(IllegalTransitionError):
                save_audio_metadata(self.conn, TRACKS[number], {"title": title}, "gs://b/a")
            self.conn.commit()
            return
        save_audio_metadata(self.conn, TRACKS[number], {"title": title}, "gs://b/a")
        self.conn.commit()
        if track.status is None:
            track.go(TrackStatus.PENDING)
        track.go(TrackStatus.PROCESSING)
        track.go(TrackStatus.COMPLETED)
        track.current, track.retry_count, track.title = None, 0, title
        track.applied = (NOW, 0)
        self.settle(TRACKS[number], track.applied)

    # -- what must hold ----------------------------------------------------------------------------------------------

    @invariant()
    def rows_agree(self):
        columns = "id, status, retry_count, current_event_id, lease_token, next_attempt_at IS NOT NULL, title"
        rows = {row[0]: row[1:] for row in query(self.conn, f"SELECT {columns} FROM audio_tracks")}
        assert rows == {
            audio_id: (t.status, t.retry_count, t.current and t.current.event_id, t.token, t.will_retry, t.title)
            for audio_id, t in self.tracks.items()
            if t.status
        }

    @invariant()
    def the_history_has_no_gap(self):
        entries = "SELECT audio_id, from_status, to_status, error_code FROM audio_track_history ORDER BY id"
        for audio_id, track in self.tracks.items():
            own = [row[1:] for row in query(self.conn, entries) if row[0] == audio_id]
            assert [(source, target) for source, target, _ in own if source != target] == track.walk
            stood = None
            for source, target, code in own:
                assert source == stood, "an entry does not begin where the one before it ended"
                assert source != target or code == "stale_event"
                stood = target

    @invariant()
    def the_inbox_agrees(self):
        outcomes = query(self.conn, "SELECT event_id, outcome FROM audio_events")
        assert dict(outcomes) == {event.event_id: event.outcome for event in self.events}

    @invariant()
    def the_read_model_agrees(self):
        found = dict(query(self.conn, "SELECT id, title FROM track_search"))
        assert found == {audio_id: track.title for audio_id, track in self.tracks.items() if track.title}
        self.conn.rollback()


def test_random_lives_agree_with_the_model(conn):
    class OnThisDatabase(Lives):
        pass

    OnThisDatabase.conn = conn
    run_state_machine_as_test(
        OnThisDatabase,
        settings=settings(
            max_examples=50,
            stateful_step_count=40,
            deadline=None,
            database=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
