-- A journal as version 2 left it: never edited while that version is supported.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE refinery_schema_history(
             version int4 PRIMARY KEY,
             name VARCHAR(255),
             applied_on VARCHAR(255),
             checksum VARCHAR(255));
INSERT INTO refinery_schema_history VALUES(1,'facts','2026-11-24T00:00:00Z','3445545987112798039');
INSERT INTO refinery_schema_history VALUES(2,'leases','2026-11-24T00:00:00Z','9310285331933668112');
CREATE TABLE origins (
    -- Short name of the origin in this file only.
    origin_id INTEGER NOT NULL PRIMARY KEY CHECK (origin_id > 0),
    -- The origin itself, 16 bytes drawn at random.
    origin BLOB NOT NULL UNIQUE CHECK (length(origin) = 16)
) STRICT;
INSERT INTO origins VALUES(1,X'01010101010101010101010101010101');
CREATE TABLE facts (
    -- This box's order of knowing, ascending.
    position INTEGER NOT NULL PRIMARY KEY CHECK (position > 0),
    -- The opening that wrote the fact.
    origin_id INTEGER NOT NULL CHECK (origin_id > 0),
    -- Its number there, from 1.
    seq INTEGER NOT NULL CHECK (seq > 0),
    -- Hybrid clock, milliseconds of UTC since 1970.
    at_ms INTEGER NOT NULL,
    -- Hybrid clock, counter among equal milliseconds.
    at_n INTEGER NOT NULL CHECK (at_n >= 0),
    -- The business day in which the writer stood, as yyyymmdd; 0 for none.
    day INTEGER NOT NULL CHECK (day >= 0),
    -- The kind of fact, as in its JSON.
    kind TEXT NOT NULL CHECK (kind <> ''),
    -- Idempotency key of the command that made it; NULL when none did.
    cmd TEXT CHECK (cmd <> ''),
    -- Digest of that command's body, in hexadecimal; NULL exactly when there is no key.
    cmd_digest TEXT CHECK ((cmd IS NULL) = (cmd_digest IS NULL)),
    -- The fact's line of JSON, byte for byte as received, without a line break.
    line BLOB NOT NULL CHECK (length(line) BETWEEN 2 AND 65536),
    -- Running hash of its origin: blake3(hash before, line); the hash before the first is 32 zeros.
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
INSERT INTO facts VALUES(1,1,1,1,0,20261124,'MessageSet',NULL,NULL,X'7b2273697465223a312c226f726967696e223a223031303130313031303130313031303130313031303130313031303130313031222c22736571223a312c2261745f6d73223a312c2261745f6e223a302c22626f6f74223a223039303930393039303930393039303930393039303930393039303930393039222c226d6f6e6f5f6d73223a302c22636c6f636b223a2266726565222c226279223a7b22646576696365223a226b696f736b227d2c226b696e64223a224d657373616765536574222c22626f6479223a7b2274657874223a22317878787878787878787878787878787878787878227d7d',X'b15882ce322381d3a5aab8d073b55232f25b6b65c04960bfde55aa1081db3a70');
INSERT INTO facts VALUES(2,1,2,2,0,20261124,'MessageSet',NULL,NULL,X'7b2273697465223a312c226f726967696e223a223031303130313031303130313031303130313031303130313031303130313031222c22736571223a322c2261745f6d73223a322c2261745f6e223a302c22626f6f74223a223039303930393039303930393039303930393039303930393039303930393039222c226d6f6e6f5f6d73223a302c22636c6f636b223a2266726565222c226279223a7b22646576696365223a226b696f736b227d2c226b696e64223a224d657373616765536574222c22626f6479223a7b2274657874223a22327878787878787878787878787878787878787878227d7d',X'dd0663cd572defa6c0c8195f9840493d8c3fd1782393f426fd0cd2329c7b85aa');
INSERT INTO facts VALUES(3,1,3,3,0,20261124,'MessageSet','key-3','d',X'7b2273697465223a312c226f726967696e223a223031303130313031303130313031303130313031303130313031303130313031222c22736571223a332c2261745f6d73223a332c2261745f6e223a302c22626f6f74223a223039303930393039303930393039303930393039303930393039303930393039222c226d6f6e6f5f6d73223a302c22636c6f636b223a2266726565222c226279223a7b22646576696365223a226b696f736b227d2c22636d64223a226b65792d332364222c226b696e64223a224d657373616765536574222c22626f6479223a7b2274657874223a22337878787878787878787878787878787878787878227d7d',X'8a69fd57b01591c1e67848ce16e3972e1f6c1704344d63ea651ae139c12a2e4f');
INSERT INTO facts VALUES(4,1,4,4,0,20261124,'MessageSet',NULL,NULL,X'7b2273697465223a312c226f726967696e223a223031303130313031303130313031303130313031303130313031303130313031222c22736571223a342c2261745f6d73223a342c2261745f6e223a302c22626f6f74223a223039303930393039303930393039303930393039303930393039303930393039222c226d6f6e6f5f6d73223a302c22636c6f636b223a2266726565222c226279223a7b22646576696365223a226b696f736b227d2c226b696e64223a224d657373616765536574222c22626f6479223a7b2274657874223a22347878787878787878787878787878787878787878227d7d',X'9b47935529e39e3f1142d35380819aab7caf90eebc94c59f17a192c979ea2f29');
CREATE TABLE gaps (
    -- The origin that has the gap.
    origin_id INTEGER NOT NULL CHECK (origin_id > 0),
    -- First number that is missing.
    first_seq INTEGER NOT NULL CHECK (first_seq > 0),
    -- Last number that is missing.
    last_seq INTEGER NOT NULL CHECK (last_seq >= first_seq),
    -- Running hash after the last missing fact, from which the next one follows.
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (origin_id, first_seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE checkpoints (
    -- Which fold.
    fold TEXT NOT NULL CHECK (fold <> ''),
    -- Version of that fold's code.
    version INTEGER NOT NULL CHECK (version >= 0),
    -- The last position it holds.
    position INTEGER NOT NULL CHECK (position >= 0),
    -- The fold's state in its own form.
    state BLOB NOT NULL,
    PRIMARY KEY (fold)
) STRICT, WITHOUT ROWID;
CREATE TABLE secrets (
    -- Ascending, so that the newest lie together.
    secret_no INTEGER NOT NULL PRIMARY KEY CHECK (secret_no > 0),
    -- Name of the secret: a key id's bytes, or another name of 1 to 64 bytes.
    key_id BLOB NOT NULL UNIQUE CHECK (length(key_id) BETWEEN 1 AND 64),
    -- What it is for, in one word.
    purpose TEXT NOT NULL CHECK (purpose <> ''),
    -- The secret.
    value BLOB NOT NULL
) STRICT;
CREATE TABLE meta (
    -- Which word.
    name TEXT NOT NULL CHECK (name <> ''),
    -- What it says.
    value TEXT NOT NULL,
    PRIMARY KEY (name)
) STRICT, WITHOUT ROWID;
CREATE TABLE leases (
    -- The opening that wrote the fact that began the call, 16 bytes.
    origin BLOB NOT NULL CHECK (length(origin) = 16),
    -- That fact's number there.
    seq INTEGER NOT NULL CHECK (seq > 0),
    -- The start of the box within which the evidence was seen, 16 bytes.
    boot BLOB NOT NULL CHECK (length(boot) = 16),
    -- Monotonic milliseconds since that start.
    mono_ms INTEGER NOT NULL CHECK (mono_ms >= 0),
    -- Hybrid clock, milliseconds of UTC since 1970.
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (origin, seq)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX facts_by_identity ON facts (origin_id, seq);
CREATE INDEX facts_by_kind_and_day ON facts (kind, day);
CREATE INDEX facts_by_cmd ON facts (cmd) WHERE cmd IS NOT NULL;
INSERT INTO checkpoints VALUES('queue',1,2,X'aabb');
INSERT INTO secrets VALUES(1,X'01010101010101010101010101010101','visit',X'0202020202020202020202020202020202020202020202020202020202020202');
INSERT INTO gaps VALUES(1,100,101,X'0303030303030303030303030303030303030303030303030303030303030303');
INSERT INTO leases VALUES(X'01010101010101010101010101010101',3,X'07070707070707070707070707070707',15000,1795478400000);
PRAGMA user_version = 2;
COMMIT;
