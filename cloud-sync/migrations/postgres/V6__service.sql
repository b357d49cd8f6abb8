-- When the hub serves: one row, once anything was said of it.
CREATE TABLE service (
    -- There is one.
    one integer NOT NULL PRIMARY KEY CHECK (one = 1),
    -- Hours and pauses, JSON as boxes are told.
    said text NOT NULL CHECK (said <> '')
);
