-- Streams of messages that are appended and never changed.
CREATE TABLE streams (
    -- Short name of the stream in this store only.
    stream_id INTEGER NOT NULL PRIMARY KEY CHECK (stream_id > 0),
    -- Where it stands in the address, without the server's name.
    path TEXT NOT NULL UNIQUE CHECK (path <> ''),
    -- Media type of its messages, in lower case and without parameters.
    content_type TEXT NOT NULL CHECK (content_type <> ''),
    -- This life of the stream in this store: 64 random bits.
    incarnation INTEGER NOT NULL,
    -- Messages in it.
    n_messages INTEGER NOT NULL CHECK (n_messages >= 0),
    -- The newest Stream-Seq that a writer gave; NULL when none did.
    stream_seq TEXT
) STRICT;

-- What was appended.
CREATE TABLE messages (
    -- The stream.
    stream_id INTEGER NOT NULL CHECK (stream_id > 0),
    -- Its place there, from 1.
    nth INTEGER NOT NULL CHECK (nth > 0),
    -- Its bytes as they came.
    bytes BLOB NOT NULL,
    PRIMARY KEY (stream_id, nth)
) STRICT, WITHOUT ROWID;

-- Where idempotent producers stand.
CREATE TABLE producers (
    -- The stream to which it appends.
    stream_id INTEGER NOT NULL CHECK (stream_id > 0),
    -- Its name.
    producer TEXT NOT NULL CHECK (producer <> ''),
    -- Its newest session.
    epoch INTEGER NOT NULL CHECK (epoch >= 0),
    -- The newest append of that session, from 0.
    seq INTEGER NOT NULL CHECK (seq >= 0),
    PRIMARY KEY (stream_id, producer)
) STRICT, WITHOUT ROWID;

-- The clinics whose boxes may speak to this hub: each has a stream up and one down.
CREATE TABLE sites (
    -- The facility's number.
    site INTEGER NOT NULL PRIMARY KEY CHECK (site >= 0)
) STRICT;

-- How far each origin of a site reaches.
CREATE TABLE origins (
    -- The facility.
    site INTEGER NOT NULL,
    -- The opening that wrote facts: 16 bytes.
    origin BLOB NOT NULL CHECK (length(origin) = 16),
    -- Its newest fact's number.
    seq INTEGER NOT NULL CHECK (seq > 0),
    -- The running hash after that: blake3(hash before, line); the hash before the first is 32 zeros.
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (site, origin)
) STRICT, WITHOUT ROWID;

-- Where an origin's facts stand: each append is one run of them.
CREATE TABLE runs (
    -- The facility.
    site INTEGER NOT NULL,
    -- The opening that wrote the facts.
    origin BLOB NOT NULL CHECK (length(origin) = 16),
    -- The number of the run's last fact.
    last_seq INTEGER NOT NULL CHECK (last_seq > 0),
    -- How many it has.
    n_facts INTEGER NOT NULL CHECK (n_facts BETWEEN 1 AND last_seq),
    -- The stream that holds them.
    stream_id INTEGER NOT NULL CHECK (stream_id > 0),
    -- The place of its last fact there.
    last_nth INTEGER NOT NULL CHECK (last_nth >= n_facts),
    PRIMARY KEY (site, origin, last_seq)
) STRICT, WITHOUT ROWID;
