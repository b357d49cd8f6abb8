-- Until when facts of an earlier hub are taken in although this one cannot know its seal, milliseconds of UTC on the hub's
-- clock: for a hub that was built anew without a backup.
ALTER TABLE sites ADD COLUMN adopted_ms INTEGER NOT NULL DEFAULT 0;
