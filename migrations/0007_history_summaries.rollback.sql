ALTER INDEX audio_track_history_at RESET (autosummarize);
