DROP TABLE audio_track_history;
DROP TABLE audio_tracks;
DROP FUNCTION audio_tracks_record_transition();
DROP FUNCTION audio_tracks_record_creation();
DROP FUNCTION audio_tracks_transition();
