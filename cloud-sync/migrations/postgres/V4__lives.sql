-- When the store came back from a backup: one row each time.
CREATE TABLE lives (
    -- The hub's clock then, milliseconds of UTC.
    began_ms bigint NOT NULL
);
