-- The vendor's people who look after the fleet.
CREATE TABLE operators (
    -- By what they sign in.
    name text COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 40),
    -- Form, salt and argon2id hash of the password.
    password bytea NOT NULL CHECK (length(password) = 49),
    -- What the codes of their authenticator follow from.
    totp bytea NOT NULL CHECK (length(totp) = 20),
    -- The newest step of 30 seconds since 1970 whose code was used: no code counts twice.
    last_step bigint NOT NULL DEFAULT 0 CHECK (last_step >= 0),
    -- Tries since the last sign-in; each is counted before it is judged.
    n_tries bigint NOT NULL DEFAULT 0 CHECK (n_tries >= 0),
    -- Nobody signs in until this second since 1970.
    locked_until_s bigint NOT NULL DEFAULT 0 CHECK (locked_until_s >= 0)
);

-- Operators who are signed in.
CREATE TABLE sign_ins (
    -- blake3 of the cookie; the cookie itself is nowhere.
    hash bytea NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    -- Who.
    operator text COLLATE "C" NOT NULL,
    -- Since which second since 1970.
    began_s bigint NOT NULL CHECK (began_s >= 0),
    -- When something was last done, in seconds since 1970.
    used_s bigint NOT NULL CHECK (used_s >= began_s)
);

-- What operators did, and who tried to become one.
CREATE TABLE audit (
    -- Its place; a change that was taken back leaves a hole.
    nth bigint NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- When, in seconds since 1970.
    at_s bigint NOT NULL CHECK (at_s >= 0),
    -- Who; console for the command line, empty for a name that nobody has.
    operator text COLLATE "C" NOT NULL,
    -- What, by code.
    what text COLLATE "C" NOT NULL CHECK (what <> ''),
    -- Whose box it concerns; NULL where none is.
    site bigint,
    -- What more is to be said.
    detail text COLLATE "C" NOT NULL
);

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit is append-only';
END
$$;
CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();

-- What a site's facts last told of its clinic and its box, so that nobody folds a thousand clinics to see the fleet.
CREATE TABLE fleet (
    -- The facility.
    site bigint NOT NULL PRIMARY KEY,
    -- The clinic's newest SiteSet fact; NULL before the first.
    clinic bytea,
    -- Where that stands on the clock of facts: milliseconds of UTC, and which of one millisecond.
    clinic_ms bigint NOT NULL DEFAULT 0,
    clinic_n bigint NOT NULL DEFAULT 0,
    -- The box's newest HealthReported fact; NULL before the first.
    health bytea,
    -- Where that stands.
    health_ms bigint NOT NULL DEFAULT 0,
    health_n bigint NOT NULL DEFAULT 0
);
