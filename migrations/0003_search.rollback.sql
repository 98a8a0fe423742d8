DROP TRIGGER audio_tracks_forget ON audio_tracks;
DROP FUNCTION audio_tracks_forget();
DROP TABLE search_word;
DROP TABLE track_search;
DROP EXTENSION IF EXISTS pg_trgm;
