DROP FUNCTION search_spellings, search_meant, search_tracks, search_newest;
DROP FUNCTION search_tier_prefix, search_tier_words, search_tier_exact;
DROP FUNCTION search_oldest, search_branch, search_narrowed;
DROP TYPE search_prefix, search_words, search_exact, search_filter, search_page;
ALTER INDEX search_word_latin SET (gin_pending_list_limit = 256);
