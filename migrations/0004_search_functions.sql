-- depends: 0003_search
-- How a search runs, as functions: one round trip for three tiers, and plans that a connection makes once. Planning
-- these statements anew takes longer than running them. db/read/search_run.py calls them; docs/search.md says what
-- tiers are.

-- Which hits are wanted, and where the page before ended.
CREATE TYPE search_page AS (wanted integer, after_points integer, after_doc bigint, least_points integer);

-- What a track must be besides being found; nothing is asked where all is null.
CREATE TYPE search_filter AS (
    newest bigint, genre text, format text, year_min integer, year_max integer,
    duration_min double precision, duration_max double precision, status text
);

-- What each tier asks the index for, and what its ranking goes by.
CREATE TYPE search_exact AS (
    asked tsquery, cores tsquery, key_a tsquery, key_b tsquery, core_a tsquery, core_b tsquery, phrase tsquery,
    typed text, bare text
);
CREATE TYPE search_words AS (
    asked tsquery, layers tsquery[], few boolean, costly boolean, most boolean,
    words_a tsquery, words_b tsquery, words_ab tsquery, words_abc tsquery, album tsquery, named tsquery, phrase tsquery, whole tsquery, size real
);
CREATE TYPE search_prefix AS (
    asked tsquery, layers tsquery[], also tsquery, words_a tsquery, words_b tsquery, words_ab tsquery,
    beginning tsquery, named tsquery, length real, complete boolean
);

-- The tracks that pass a filter. The planner puts the text of this function and the next in the place of their calls.
CREATE FUNCTION search_narrowed(narrowed boolean, narrow search_filter) RETURNS SETOF track_search
LANGUAGE sql STABLE AS $$
    SELECT s.* FROM track_search s
    WHERE NOT narrowed OR (
              ((narrow).newest IS NULL OR s.doc_id <= (narrow).newest)
          AND ((narrow).year_min IS NULL OR s.year >= (narrow).year_min)
          AND ((narrow).year_max IS NULL OR s.year <= (narrow).year_max)
          AND ((narrow).duration_min IS NULL OR s.duration >= (narrow).duration_min)
          AND ((narrow).duration_max IS NULL OR s.duration <= (narrow).duration_max)
          AND ((narrow).format IS NULL OR lower(s.format) = lower((narrow).format))
          AND ((narrow).genre IS NULL OR lower(s.genre) = lower((narrow).genre)
               OR lower((narrow).genre) = ANY (regexp_split_to_array(lower(s.genre), '\s*[|;,/]\s*')))
          AND ((narrow).status IS NULL
               OR EXISTS (SELECT FROM audio_tracks t WHERE t.id = s.id AND t.status = (narrow).status)))
$$;

-- One branch of a tier: what the index of the documents is asked for, then whatever else is asked of a track.
CREATE FUNCTION search_branch(
    asked tsquery, seen tsquery, excluded tsquery, narrowed boolean, narrow search_filter, cap integer
)
RETURNS SETOF track_search LANGUAGE sql STABLE ROWS 100 AS $$
    SELECT s.* FROM search_narrowed(narrowed, narrow) s
    WHERE s.document @@ asked AND (s.document @@ seen) IS NOT TRUE AND (s.document @@ excluded) IS NOT TRUE
    LIMIT cap
$$;

-- The same without that index, oldest first: for what so many tracks have that the index would take longer to say where
-- they all are than it takes to come upon some.
CREATE FUNCTION search_oldest(
    asked tsquery, seen tsquery, excluded tsquery, narrowed boolean, narrow search_filter, cap integer
)
RETURNS SETOF track_search LANGUAGE plpgsql STABLE ROWS 100
SET enable_bitmapscan = off SET enable_indexscan = on AS $$
BEGIN
    IF asked IS NOT NULL THEN
        RETURN QUERY
        SELECT s.* FROM search_narrowed(narrowed, narrow) s
        WHERE s.document @@ asked AND (s.document @@ seen) IS NOT TRUE AND (s.document @@ excluded) IS NOT TRUE
        ORDER BY s.doc_id
        LIMIT cap;
    END IF;
END
$$;

-- Each tier gives the tracks it ranks with their points, at most its cap; its branches stop there together, in their
-- order, so that what is cut off is the worst.

-- How exact: an artist before a title, the whole before its core, before transliteration; then whether articles and
-- spelling agree, and last small letters and capitals.
CREATE FUNCTION search_tier_exact(
    exact search_exact, signs tsquery, excluded tsquery, narrowed boolean, narrow search_filter,
    OUT docs bigint[], OUT rates integer[], OUT capped boolean, OUT layered boolean
)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    typed constant text := lower(exact.typed);
BEGIN
    SELECT array_agg(doc_id), array_agg(least(10000, greatest(9000, points))), count(*) >= 300, false
    INTO docs, rates, capped, layered
    FROM (
        SELECT doc_id,
               CASE WHEN document @@ exact.key_b THEN CASE WHEN document @@ exact.key_a THEN 9800 ELSE 9700 END
                    WHEN document @@ exact.key_a THEN 9600
                    WHEN document @@ exact.core_b THEN 9400
                    WHEN document @@ exact.core_a THEN 9300
                    ELSE 9100 END
               + CASE WHEN lower(artist) = typed OR lower(title) = typed THEN 90
                      WHEN document @@ exact.phrase THEN 60 ELSE 0 END
               + CASE WHEN exact.bare IS NULL THEN 0
                      WHEN exact.bare IN (translate(artist, ' -_./,&''!', ''), translate(title, ' -_./,&''!', ''))
                      THEN 5 ELSE 0 END
               + CASE WHEN document @@ signs THEN 95 ELSE 0 END AS points
        FROM (
            SELECT * FROM search_branch(exact.asked, NULL, excluded, narrowed, narrow, 300)
            UNION ALL
            SELECT * FROM search_branch(exact.cores, exact.asked, excluded, narrowed, narrow, 300)
            LIMIT 300
        ) each
    ) rated;
END
$$;

-- How much of the name was asked for, where all words are in it, and less where they are in "(Somebody Cover)"; less
-- again for words that only the album or the rest has. Better where the words follow each other or name the artist, and
-- where the name has no others.
-- Where few are expected and more are found than can be ranked, it begins anew with the likeliest.
CREATE FUNCTION search_tier_words(
    words search_words, seen tsquery, signs tsquery, excluded tsquery, narrowed boolean, narrow search_filter,
    OUT docs bigint[], OUT rates integer[], OUT capped boolean, OUT layered boolean
)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    layers tsquery[];
    cap integer;
BEGIN
    FOREACH layered IN ARRAY CASE WHEN words.few THEN ARRAY[false, true] ELSE ARRAY[true] END LOOP
        layers := CASE WHEN layered THEN words.layers END;
        cap := CASE WHEN NOT layered THEN 1000 WHEN words.costly THEN 150 ELSE 300 END;
        SELECT array_agg(doc_id), array_agg(least(8999, greatest(5000, points))::integer), count(*) >= cap
        INTO docs, rates, capped
        FROM (
            SELECT doc_id,
                   CASE WHEN document @@ words.words_ab THEN greatest(
                             CASE WHEN document @@ words.words_a
                                  THEN 2000 * least(1, words.size / title_words)
                                       * CASE WHEN title_words > title_core THEN 0.6 ELSE 1 END
                                  ELSE 1900 * least(1, words.size
                                       / (title_core + artist_words
                                          + CASE WHEN title_words > title_core THEN 0.5 ELSE 0 END)) END,
                             CASE WHEN document @@ words.words_b
                                  THEN 2000 * least(1, words.size / greatest(1, artist_words)) END) + 6500
                        WHEN document @@ words.album THEN 6450
                        WHEN document @@ words.words_abc
                             THEN 5600 + 800 * least(1, words.size / (title_core + artist_words))
                        ELSE 5000 + 500 * least(1, words.size / (title_core + artist_words)) END
                   + CASE WHEN document @@ words.phrase THEN 300 ELSE 0 END
                   + CASE WHEN document @@ words.named THEN 200 ELSE 0 END
                   + CASE WHEN document @@ words.whole THEN 100 ELSE 0 END
                   + CASE WHEN document @@ signs THEN 95 ELSE 0 END AS points
            FROM (
                SELECT * FROM search_branch(layers[1], seen, excluded, narrowed, narrow, cap)
                UNION ALL
                SELECT * FROM search_branch(layers[2], seen, excluded, narrowed, narrow, cap)
                UNION ALL
                SELECT * FROM search_branch(layers[3], seen, excluded, narrowed, narrow, cap)
                UNION ALL
                SELECT * FROM search_branch(layers[4], seen, excluded, narrowed, narrow, cap)
                UNION ALL
                SELECT * FROM search_branch(CASE WHEN words.most THEN NULL ELSE words.asked END,
                                            seen, excluded, narrowed, narrow, cap)
                UNION ALL
                SELECT * FROM search_oldest(CASE WHEN words.most THEN words.asked END,
                                            seen, excluded, narrowed, narrow, cap)
                LIMIT cap
            ) each
        ) rated;
        EXIT WHEN NOT capped;
    END LOOP;
END
$$;

-- How much of the name was typed, in characters; names that begin with it first.
CREATE FUNCTION search_tier_prefix(
    prefix search_prefix, seen tsquery, signs tsquery, excluded tsquery, narrowed boolean, narrow search_filter,
    OUT docs bigint[], OUT rates integer[], OUT capped boolean, OUT layered boolean
)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT array_agg(doc_id), array_agg(least(4999, greatest(2500, points))::integer), count(*) >= 150, true
    INTO docs, rates, capped, layered
    FROM (
        SELECT doc_id,
               CASE WHEN document @@ prefix.words_ab THEN greatest(
                         CASE WHEN document @@ prefix.words_a
                              THEN 1700 * least(1, prefix.length / char_length(title)) END,
                         CASE WHEN document @@ prefix.words_b
                              THEN 1700 * least(1, prefix.length / char_length(artist)) END,
                         1500 * least(1, prefix.length / (char_length(title) + coalesce(char_length(artist), 0)))
                    ) + 2900
                    ELSE 2500 + 300 * least(1, prefix.length
                                               / (char_length(title) + coalesce(char_length(artist), 0))) END
               + CASE WHEN document @@ prefix.beginning THEN 300 ELSE 0 END
               + CASE WHEN document @@ prefix.named THEN 600 ELSE 0 END
               + CASE WHEN document @@ signs THEN 95 ELSE 0 END AS points
        FROM (
            SELECT * FROM search_branch(prefix.layers[1], seen, excluded, narrowed, narrow, 150)
            UNION ALL
            SELECT * FROM search_branch(prefix.layers[2], seen, excluded, narrowed, narrow, 150)
            UNION ALL
            SELECT * FROM search_branch(prefix.layers[3], seen, excluded, narrowed, narrow, 150)
            UNION ALL
            SELECT * FROM search_branch(prefix.layers[4], seen, excluded, narrowed, narrow, 150)
            UNION ALL
            SELECT * FROM search_branch(prefix.layers[5], seen, excluded, narrowed, narrow, 150)
            UNION ALL
            SELECT * FROM search_branch(prefix.asked, seen, excluded, narrowed, narrow,
                                        CASE WHEN prefix.also IS NULL THEN 150 END)
            WHERE prefix.also IS NULL OR document @@ prefix.also
            LIMIT 150
        ) each
    ) rated;
END
$$;

-- The newest track there is: what a cursor is bound by.
CREATE FUNCTION search_newest() RETURNS bigint LANGUAGE plpgsql STABLE SET enable_indexscan = on AS $$
BEGIN
    RETURN (SELECT coalesce(max(doc_id), 0) FROM track_search);
END
$$;

-- The tiers, one after the other while more is wanted, or while it costs little to know how many there are: a row of
-- each, with the best of its hits. One that runs out of time ends the search: its row has neither hits nor numbers. The
-- settings hold the planner to plans that stay good while the table grows: the index of the documents, nothing else.
CREATE FUNCTION search_tracks(
    page search_page, narrow search_filter, excluded tsquery, signs tsquery, common boolean,
    exact search_exact, words search_words, prefix search_prefix
)
RETURNS TABLE (
    tier text, matching integer, capped boolean, best integer, layered boolean, seconds double precision, newest bigint,
    hits json
)
LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_indexscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    narrowed constant boolean := NOT (narrow IS NULL);
    exactly constant tsquery := coalesce(exact.asked || exact.cores, exact.asked);
    seen constant tsquery := coalesce(exactly || words.asked, exactly, words.asked);
    docs bigint[];
    rates integer[];
    shown integer;
    given integer := 0;
    total integer := 0;
    counted boolean := true;
    began timestamptz;
BEGIN
    newest := CASE WHEN page.after_doc IS NULL THEN search_newest() END;
    FOREACH tier IN ARRAY ARRAY['exact', 'words', 'prefix'] LOOP
        CONTINUE WHEN CASE tier WHEN 'exact' THEN exact.asked IS NULL WHEN 'words' THEN words.asked IS NULL
                                ELSE prefix IS NULL END;
        EXIT WHEN tier <> 'exact' AND given >= page.wanted AND (common OR NOT counted OR total >= 100);
        began := clock_timestamp();
        BEGIN
            IF tier = 'exact' THEN
                SELECT * INTO docs, rates, capped, layered
                FROM search_tier_exact(exact, signs, excluded, narrowed, narrow);
            ELSIF tier = 'words' THEN
                SELECT * INTO docs, rates, capped, layered
                FROM search_tier_words(words, exactly, signs, excluded, narrowed, narrow);
            ELSE
                SELECT * INTO docs, rates, capped, layered
                FROM search_tier_prefix(prefix, seen, signs, excluded, narrowed, narrow);
            END IF;
            WITH rated AS (
                SELECT DISTINCT r.points, r.doc_id FROM unnest(rates, docs) AS r (points, doc_id)
            ), best_hits AS (
                SELECT r.points, r.doc_id FROM rated r
                WHERE (page.after_doc IS NULL OR (-r.points, r.doc_id) > (-page.after_points, page.after_doc))
                  AND (page.least_points IS NULL OR r.points >= page.least_points)
                ORDER BY r.points DESC, r.doc_id
                LIMIT page.wanted - given
            )
            SELECT (SELECT count(*) FROM rated), (SELECT max(r.points) FROM rated r), json_agg(hit), count(hit)
            INTO matching, best, hits, shown
            FROM (
                SELECT b.points, b.doc_id, s.id, s.title, s.artist, s.album, s.genre, s.year, s.duration, s.format,
                       s.audio_path
                FROM best_hits b JOIN track_search s USING (doc_id)
                ORDER BY b.points DESC, b.doc_id
            ) hit;
        EXCEPTION WHEN query_canceled THEN
            IF clock_timestamp() - statement_timestamp() < current_setting('statement_timeout')::interval THEN
                RAISE;  -- somebody cancelled it; the time is not over
            END IF;
            matching := NULL; capped := NULL; best := NULL; layered := NULL; hits := NULL;
        END;
        seconds := extract(epoch FROM clock_timestamp() - began);
        RETURN NEXT;
        EXIT WHEN matching IS NULL;
        total := total + matching;
        given := given + shown;
        counted := counted AND NOT capped;
    END LOOP;
END
$$;

-- Tracks that may be meant by something mistyped, in the order of their age: which of them is the likeliest is told by
-- comparing names, outside the database.
CREATE FUNCTION search_meant(
    asked tsquery[], seen tsquery, excluded tsquery, narrow search_filter, branch_cap integer, cap integer
)
RETURNS TABLE (
    doc_id bigint, id text, title varchar, artist varchar, album varchar, genre varchar, year smallint,
    duration double precision, format varchar, audio_path varchar
)
LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_indexscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    narrowed constant boolean := NOT (narrow IS NULL);
BEGIN
    RETURN QUERY
    SELECT DISTINCT ON (s.doc_id) s.doc_id, s.id::text, s.title, s.artist, s.album, s.genre, s.year, s.duration,
                                  s.format, s.audio_path
    FROM (
        SELECT * FROM search_branch(asked[1], seen, excluded, narrowed, narrow, branch_cap)
        UNION ALL
        SELECT * FROM search_branch(asked[2], seen, excluded, narrowed, narrow, branch_cap)
        UNION ALL
        SELECT * FROM search_branch(asked[3], seen, excluded, narrowed, narrow, branch_cap)
        UNION ALL
        SELECT * FROM search_branch(asked[4], seen, excluded, narrowed, narrow, branch_cap)
        UNION ALL
        SELECT * FROM search_branch(asked[5], seen, excluded, narrowed, narrow, branch_cap)
        UNION ALL
        SELECT * FROM search_branch(asked[6], seen, excluded, narrowed, narrow, branch_cap)
        UNION ALL
        SELECT * FROM search_branch(asked[7], seen, excluded, narrowed, narrow, branch_cap)
        LIMIT cap
    ) s
    ORDER BY s.doc_id;
END
$$;

-- Words of the dictionary that one of the slips gives, and for each of the long ones (given in ASCII) those that share
-- many of its trigrams.
CREATE FUNCTION search_spellings(slips text, long text[]) RETURNS SETOF text LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN QUERY SELECT w.word FROM search_word w WHERE w.word = ANY (string_to_array(slips, ' '));
    PERFORM set_config('pg_trgm.similarity_threshold', '0.35', true);
    RETURN QUERY
    SELECT near.word FROM unnest(long) AS typed (latin)
    CROSS JOIN LATERAL (
        SELECT w.word FROM search_word w WHERE w.latin % typed.latin
        ORDER BY similarity(w.latin, typed.latin) DESC, w.word LIMIT 40
    ) near;
END
$$;

-- Every search for a mistyped word scans the words that are pending, and where few are new they wait for long.
ALTER INDEX search_word_latin SET (gin_pending_list_limit = 64);
