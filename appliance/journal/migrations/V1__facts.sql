-- Openings of journals that wrote facts: this box's own and those it heard of.
CREATE TABLE origins (
    -- Short name of the origin in this file only.
    origin_id INTEGER NOT NULL PRIMARY KEY CHECK (origin_id > 0),
    -- The origin itself, 16 bytes drawn at random.
    origin BLOB NOT NULL UNIQUE CHECK (length(origin) = 16)
) STRICT;

-- Everything that happened, never edited and never deleted.
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

-- Identity, and the newest fact of each origin without a scan.
CREATE UNIQUE INDEX facts_by_identity ON facts (origin_id, seq);
-- One index serves both questions: facts of some kinds, and (kind by kind) facts of a day.
CREATE INDEX facts_by_kind_and_day ON facts (kind, day);
-- Repeated commands.
CREATE INDEX facts_by_cmd ON facts (cmd) WHERE cmd IS NOT NULL;

-- Stretches of an origin's facts that a damaged file lost and the hub may still give back.
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

-- Folds as they stood at a position: a shortcut that may be thrown away at any time.
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

-- Keys, password hashes and cookies: never in facts, exports or backups.
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

-- A few words about this file.
CREATE TABLE meta (
    -- Which word.
    name TEXT NOT NULL CHECK (name <> ''),
    -- What it says.
    value TEXT NOT NULL,
    PRIMARY KEY (name)
) STRICT, WITHOUT ROWID;

-- Said a second time beside the history of migrations: a version that only one of them claims is damage.
PRAGMA user_version = 1;
