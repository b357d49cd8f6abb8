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
