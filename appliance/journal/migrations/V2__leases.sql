-- Consultation calls that have not ended, with the last instant at which they were seen to stand: no fact per heartbeat.
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

-- Said a second time beside the history of migrations: a version that only one of them claims is damage.
PRAGMA user_version = 2;
