"""What the Redis transport makes of a message before kombu sees it: it always finds the way back to a queue."""

import pytest

from worker.redis_transport import _completed, unreadable

QUEUES = ["celery", "tonearm.backfill"]


def where(delivery_info, queues):
    return _completed({"properties": {"delivery_info": delivery_info, "delivery_tag": "mine"}}, queues)["properties"]


@pytest.mark.parametrize("queue", QUEUES)
def test_a_message_goes_back_to_the_queue_that_it_names(queue):
    found = where({"exchange": "nobody's", "routing_key": queue}, QUEUES)["delivery_info"]
    assert found == {"exchange": "", "routing_key": queue}


@pytest.mark.parametrize("given", [{}, None, {"exchange": 5, "routing_key": []}, {"exchange": "x", "routing_key": "y"}])
def test_a_message_that_names_no_queue_of_ours_goes_back_to_the_live_one(given):
    assert where(given, QUEUES)["delivery_info"] == {"exchange": "", "routing_key": "celery"}


def test_a_channel_that_was_told_to_stop_sends_a_message_back_to_where_it_came_from():
    given = {"exchange": "tonearm.backfill", "routing_key": "tonearm.backfill", "priority": 0}
    assert where(given, [])["delivery_info"] == given
    assert where({}, [])["delivery_info"] == {"exchange": "", "routing_key": "celery"}


def test_every_delivery_has_a_tag_of_its_own():
    tags = {where({}, QUEUES)["delivery_tag"] for _ in range(3)} | {unreadable("x", [])["properties"]["delivery_tag"]}
    assert len(tags) == 4
    assert "mine" not in tags
