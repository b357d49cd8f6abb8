-- The story of migrations/sqlite for many nodes on one server. Names are compared by their bytes (COLLATE "C"), whatever
-- the server's language; what grows with facts is partitioned by the site, and no transaction ever touches two sites.
-- Bytes are never jsonb: that would write them anew.

-- Streams of messages that are appended and never changed.
CREATE TABLE streams (
    -- Short name of the stream in this store only.
    stream_id bigint NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY CHECK (stream_id > 0),
    -- Where it stands in the address, without the server's name.
    path text COLLATE "C" NOT NULL UNIQUE CHECK (path <> ''),
    -- The facility whose facts it carries; -1 outside of all, as a partition's key takes no NULL.
    site bigint NOT NULL CHECK (site >= -1),
    -- Media type of its messages, in lower case and without parameters.
    content_type text COLLATE "C" NOT NULL CHECK (content_type <> ''),
    -- This life of the stream in this store: 64 random bits.
    incarnation bigint NOT NULL,
    -- Messages in it. Whoever appends locks this row first, so that they are numbered without holes.
    n_messages bigint NOT NULL CHECK (n_messages >= 0),
    -- The newest Stream-Seq that a writer gave; NULL when none did.
    stream_seq text COLLATE "C"
    -- Each append writes the row anew: it finds room on its page.
) WITH (fillfactor = 50);

-- What was appended.
CREATE TABLE messages (
    -- The facility of its stream.
    site bigint NOT NULL CHECK (site >= -1),
    -- The stream.
    stream_id bigint NOT NULL CHECK (stream_id > 0),
    -- Its place there, from 1.
    nth bigint NOT NULL CHECK (nth > 0),
    -- Its bytes as they came.
    bytes bytea NOT NULL,
    PRIMARY KEY (site, stream_id, nth)
) PARTITION BY HASH (site);

-- Where idempotent producers stand.
CREATE TABLE producers (
    -- The stream to which it appends.
    stream_id bigint NOT NULL CHECK (stream_id > 0),
    -- Its name.
    producer text COLLATE "C" NOT NULL CHECK (producer <> ''),
    -- Its newest session.
    epoch bigint NOT NULL CHECK (epoch >= 0),
    -- The newest append of that session, from 0.
    seq bigint NOT NULL CHECK (seq >= 0),
    PRIMARY KEY (stream_id, producer)
);

-- The clinics whose boxes may speak to this hub: each has a stream up and one down.
CREATE TABLE sites (
    -- The facility's number.
    site bigint NOT NULL PRIMARY KEY CHECK (site >= 0)
);

-- How far each origin of a site reaches.
CREATE TABLE origins (
    -- The facility.
    site bigint NOT NULL CHECK (site >= 0),
    -- The opening that wrote facts: 16 bytes.
    origin bytea NOT NULL CHECK (length(origin) = 16),
    -- Its newest fact's number.
    seq bigint NOT NULL CHECK (seq > 0),
    -- The running hash after that: blake3(hash before, line); the hash before the first is 32 zeros.
    hash bytea NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (site, origin)
) PARTITION BY HASH (site);

-- Where an origin's facts stand: each append is one run of them.
CREATE TABLE runs (
    -- The facility.
    site bigint NOT NULL CHECK (site >= 0),
    -- The opening that wrote the facts.
    origin bytea NOT NULL CHECK (length(origin) = 16),
    -- The number of the run's last fact.
    last_seq bigint NOT NULL CHECK (last_seq > 0),
    -- How many it has.
    n_facts bigint NOT NULL CHECK (n_facts BETWEEN 1 AND last_seq),
    -- The stream that holds them.
    stream_id bigint NOT NULL CHECK (stream_id > 0),
    -- The place of its last fact there.
    last_nth bigint NOT NULL CHECK (last_nth >= n_facts),
    PRIMARY KEY (site, origin, last_seq)
) PARTITION BY HASH (site);

DO $$
BEGIN
    FOR part IN 0..15 LOOP
        EXECUTE format('CREATE TABLE messages_%s PARTITION OF messages FOR VALUES WITH (MODULUS 16, REMAINDER %s)', part, part);
        EXECUTE format('CREATE TABLE origins_%s PARTITION OF origins FOR VALUES WITH (MODULUS 16, REMAINDER %s)', part, part);
        EXECUTE format('CREATE TABLE runs_%s PARTITION OF runs FOR VALUES WITH (MODULUS 16, REMAINDER %s)', part, part);
    END LOOP;
END
$$;
