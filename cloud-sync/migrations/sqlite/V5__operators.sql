-- The vendor's people who look after the fleet.
CREATE TABLE operators (
    -- By what they sign in.
    name TEXT NOT NULL PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 40),
    -- Form, salt and argon2id hash of the password.
    password BLOB NOT NULL CHECK (length(password) = 49),
    -- What the codes of their authenticator follow from.
    totp BLOB NOT NULL CHECK (length(totp) = 20),
    -- The newest step of 30 seconds since 1970 whose code was used: no code counts twice.
    last_step INTEGER NOT NULL DEFAULT 0 CHECK (last_step >= 0),
    -- Tries since the last sign-in; each is counted before it is judged.
    n_tries INTEGER NOT NULL DEFAULT 0 CHECK (n_tries >= 0),
    -- Nobody signs in until this second since 1970.
    locked_until_s INTEGER NOT NULL DEFAULT 0 CHECK (locked_until_s >= 0)
) STRICT, WITHOUT ROWID;

-- Operators who are signed in.
CREATE TABLE sign_ins (
    -- blake3 of the cookie; the cookie itself is nowhere.
    hash BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    -- Who.
    operator TEXT NOT NULL,
    -- Since which second since 1970.
    began_s INTEGER NOT NULL CHECK (began_s >= 0),
    -- When something was last done, in seconds since 1970.
    used_s INTEGER NOT NULL CHECK (used_s >= began_s)
) STRICT, WITHOUT ROWID;

-- What operators did, and who tried to become one.
CREATE TABLE audit (
    -- Its place, from 1.
    nth INTEGER NOT NULL PRIMARY KEY CHECK (nth > 0),
    -- When, in seconds since 1970.
    at_s INTEGER NOT NULL CHECK (at_s >= 0),
    -- Who; console for the command line, empty for a name that nobody has.
    operator TEXT NOT NULL,
    -- What, by code.
    what TEXT NOT NULL CHECK (what <> ''),
    -- Whose box it concerns; NULL where none is.
    site INTEGER,
    -- What more is to be said.
    detail TEXT NOT NULL
) STRICT;

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;

-- What a site's facts last told of its clinic and its box, so that nobody folds a thousand clinics to see the fleet.
CREATE TABLE fleet (
    -- The facility.
    site INTEGER NOT NULL PRIMARY KEY,
    -- The clinic's newest SiteSet fact; NULL before the first.
    clinic BLOB,
    -- Where that stands on the clock of facts: milliseconds of UTC, and which of one millisecond.
    clinic_ms INTEGER NOT NULL DEFAULT 0,
    clinic_n INTEGER NOT NULL DEFAULT 0,
    -- The box's newest HealthReported fact; NULL before the first.
    health BLOB,
    -- Where that stands.
    health_ms INTEGER NOT NULL DEFAULT 0,
    health_n INTEGER NOT NULL DEFAULT 0
) STRICT;
