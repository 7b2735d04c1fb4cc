-- Times are microseconds since 1970 UTC; 0 is "not set". Booleans are 0 or 1.
-- +goose Up
CREATE TABLE data_keys (
    id         TEXT    NOT NULL PRIMARY KEY,
    wrapped    BLOB    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- People. An account may have many identities and keeps its handle for ever.
CREATE TABLE accounts (
    id         TEXT    NOT NULL PRIMARY KEY,
    handle     TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    email      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    disabled   INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Every handle ever given. A row outlives its account, so that no handle is given to a
-- second person; case does not tell two handles apart.
CREATE TABLE handles (
    handle   TEXT    NOT NULL COLLATE NOCASE PRIMARY KEY,
    account  TEXT    NOT NULL,
    given_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE identities (
    issuer    TEXT    NOT NULL,
    subject   TEXT    NOT NULL,
    account   TEXT    NOT NULL,
    provider  TEXT    NOT NULL,
    linked_at INTEGER NOT NULL,
    last_used INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX identities_account ON identities (account);

-- Live sessions only: an end deletes the row. What is large and secret lives in row n of
-- session_secrets, so that a touch does not rewrite it.
CREATE TABLE sessions (
    id             TEXT    NOT NULL PRIMARY KEY,
    n              INTEGER NOT NULL,
    account        TEXT    NOT NULL,
    handle         TEXT    NOT NULL,
    provider       TEXT    NOT NULL,
    issuer         TEXT    NOT NULL,
    subject        TEXT    NOT NULL,
    sid            TEXT    NOT NULL,
    created_at     INTEGER NOT NULL,
    auth_time      INTEGER NOT NULL,
    seen_at        INTEGER NOT NULL,
    idle           INTEGER NOT NULL,
    absolute       INTEGER NOT NULL,
    idle_until     INTEGER,
    absolute_until INTEGER,
    user_agent     TEXT    NOT NULL,
    address        TEXT    NOT NULL,
    version        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_account ON sessions (account, id);
CREATE INDEX sessions_provider ON sessions (provider, id);
CREATE INDEX sessions_subject ON sessions (issuer, subject, id);
CREATE INDEX sessions_sid ON sessions (issuer, sid, id) WHERE sid <> '';
CREATE INDEX sessions_idle ON sessions (idle_until) WHERE idle_until IS NOT NULL;
CREATE INDEX sessions_absolute ON sessions (absolute_until) WHERE absolute_until IS NOT NULL;

CREATE TABLE session_secrets (
    n      INTEGER NOT NULL PRIMARY KEY,
    sealed BLOB    NOT NULL
) STRICT;

-- Seats outlive their session until its tombstone is swept: a cookie of an ended session
-- is told from one that was never ours.
CREATE TABLE seats (
    hash       BLOB    NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    session    TEXT    NOT NULL,
    origin     TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX seats_session ON seats (session, origin, created_at);

-- Tombstones, in the order in which the ends were committed. session is NULL for the end
-- of a provider's session that no session here belonged to.
CREATE TABLE ends (
    seq      INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    session  TEXT    UNIQUE,
    account  TEXT    NOT NULL,
    provider TEXT    NOT NULL,
    issuer   TEXT    NOT NULL,
    subject  TEXT    NOT NULL,
    sid      TEXT    NOT NULL,
    cause    TEXT    NOT NULL,
    fresh    INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    until    INTEGER NOT NULL
) STRICT;
CREATE INDEX ends_sid ON ends (issuer, sid) WHERE sid <> '';
CREATE INDEX ends_subject ON ends (issuer, subject, sid);
CREATE INDEX ends_until ON ends (until);

CREATE TABLE receipts (
    session     TEXT    NOT NULL PRIMARY KEY,
    state       BLOB    UNIQUE CHECK (length(state) = 32),
    account     TEXT    NOT NULL,
    provider    TEXT    NOT NULL,
    cause       TEXT    NOT NULL,
    mode        TEXT    NOT NULL,
    ended_at    INTEGER NOT NULL,
    until       INTEGER NOT NULL,
    closed      INTEGER NOT NULL,
    browser     INTEGER NOT NULL,
    returned_at INTEGER NOT NULL,
    return_url  TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX receipts_until ON receipts (until);

-- keep_until: a finished entry stays as long as a receipt may speak of it.
CREATE TABLE outbox (
    id         TEXT    NOT NULL PRIMARY KEY,
    kind       TEXT    NOT NULL,
    session    TEXT    NOT NULL,
    provider   TEXT    NOT NULL,
    sealed     BLOB,
    state      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    next_at    INTEGER NOT NULL,
    deadline   INTEGER NOT NULL,
    attempts   INTEGER NOT NULL,
    last_error TEXT    NOT NULL,
    keep_until INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_due ON outbox (next_at) WHERE state = 'pending';
CREATE INDEX outbox_kept ON outbox (keep_until) WHERE state <> 'pending';
CREATE INDEX outbox_session ON outbox (session);
CREATE INDEX outbox_state ON outbox (state, next_at);

CREATE TABLE single_use (
    key   BLOB    NOT NULL PRIMARY KEY CHECK (length(key) = 32),
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX single_use_until ON single_use (until);
