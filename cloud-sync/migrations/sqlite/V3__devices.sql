-- How often the site's box was replaced, from 1: boxes of an earlier generation are fenced.
ALTER TABLE sites ADD COLUMN generation INTEGER NOT NULL DEFAULT 1 CHECK (generation BETWEEN 1 AND 4294967295);

-- Enrolment codes that were drawn; the codes themselves are nowhere.
CREATE TABLE codes (
    -- blake3 of site and secret.
    hash BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    -- The facility whose box it enrols.
    site INTEGER NOT NULL,
    -- 1 when its use raises the site's generation.
    replaces INTEGER NOT NULL CHECK (replaces IN (0, 1)),
    -- The last second at which it may be used, since 1970.
    until_s INTEGER NOT NULL CHECK (until_s >= 0),
    -- When it was used; NULL while it was not.
    used_s INTEGER CHECK (used_s >= 0)
) STRICT, WITHOUT ROWID;

-- Certificates of boxes.
CREATE TABLE certificates (
    -- Its serial number: 16 bytes.
    serial BLOB NOT NULL PRIMARY KEY CHECK (length(serial) = 16),
    -- The facility.
    site INTEGER NOT NULL,
    -- The site's generation that it speaks for.
    generation INTEGER NOT NULL CHECK (generation BETWEEN 1 AND 4294967295),
    -- Its last second, since 1970.
    not_after_s INTEGER NOT NULL CHECK (not_after_s >= 0),
    -- 1 when it was revoked.
    is_revoked INTEGER NOT NULL CHECK (is_revoked IN (0, 1))
) STRICT, WITHOUT ROWID;

-- Finds a site's certificates.
CREATE INDEX certificates_by_site ON certificates (site, generation);
