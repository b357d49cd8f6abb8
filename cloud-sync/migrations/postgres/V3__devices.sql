-- How often the site's box was replaced, from 1: boxes of an earlier generation are fenced.
ALTER TABLE sites ADD COLUMN generation bigint NOT NULL DEFAULT 1 CHECK (generation BETWEEN 1 AND 4294967295);

-- Enrolment codes that were drawn; the codes themselves are nowhere.
CREATE TABLE codes (
    -- blake3 of site and secret.
    hash bytea NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    -- The facility whose box it enrols.
    site bigint NOT NULL REFERENCES sites,
    -- Whether its use raises the site's generation.
    replaces boolean NOT NULL,
    -- The last second at which it may be used, since 1970.
    until_s bigint NOT NULL CHECK (until_s >= 0),
    -- When it was used; NULL while it was not.
    used_s bigint CHECK (used_s >= 0)
);

-- Certificates of boxes.
CREATE TABLE certificates (
    -- Its serial number: 16 bytes.
    serial bytea NOT NULL PRIMARY KEY CHECK (length(serial) = 16),
    -- The facility.
    site bigint NOT NULL REFERENCES sites,
    -- The site's generation that it speaks for.
    generation bigint NOT NULL CHECK (generation BETWEEN 1 AND 4294967295),
    -- Its last second, since 1970.
    not_after_s bigint NOT NULL CHECK (not_after_s >= 0),
    -- Whether it was revoked.
    is_revoked boolean NOT NULL DEFAULT false
);

-- Finds a site's certificates.
CREATE INDEX certificates_by_site ON certificates (site, generation);
