"""The suite's own ground: what the fixtures promise to every other test."""

import pytest
import redis


@pytest.mark.parametrize("_time", [1, 2, 3])
def test_each_test_gets_a_migrated_database_with_nothing_in_it(conn, _time):
    with conn.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audio_tracks")
        assert cursor.fetchone() == (0,)
        cursor.execute("INSERT INTO audio_tracks (id) VALUES (gen_random_uuid())")
    conn.commit()


@pytest.mark.parametrize("_time", [1, 2, 3])
def test_each_test_gets_an_empty_broker(broker_url, _time):
    with redis.Redis.from_url(broker_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_a_server_of_the_tests_own_has_the_same_address_after_it_was_killed(postgres_server, broker_server):
    addresses = postgres_server.url, broker_server.url
    postgres_server.kill()
    broker_server.kill()
    postgres_server.start()
    broker_server.start()
    assert (postgres_server.url, broker_server.url) == addresses


def test_waiting_gives_up_and_says_what_it_waited_for(wait_until):
    with pytest.raises(pytest.fail.Exception, match="the moon to rise"):
        wait_until(lambda: False, timeout=0.02, message="the moon to rise")
