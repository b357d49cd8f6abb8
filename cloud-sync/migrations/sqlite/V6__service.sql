-- When the hub serves: one row, once anything was said of it.
CREATE TABLE service (
    -- There is one.
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    -- Hours and pauses, JSON as boxes are told.
    said TEXT NOT NULL CHECK (said <> '')
) STRICT;
