-- When a site was last heard of, milliseconds of UTC; 0 for never.
ALTER TABLE sites ADD COLUMN seen_ms bigint NOT NULL DEFAULT 0;

-- What all nodes must know and nobody else.
CREATE TABLE secrets (
    -- Which.
    name text COLLATE "C" NOT NULL PRIMARY KEY CHECK (name <> ''),
    -- The secret.
    value bytea NOT NULL
);
