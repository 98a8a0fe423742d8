DROP TABLE rejected_events;
DROP TABLE audio_events;
