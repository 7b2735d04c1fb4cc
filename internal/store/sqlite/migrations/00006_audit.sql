-- What happened, in the order of the commits: a row is written in the transaction of the
-- act that it tells of. Nothing here is secret; personal is what an erasure takes out.
-- +goose Up
CREATE TABLE audit (
    seq      INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id       TEXT    NOT NULL UNIQUE,
    at       INTEGER NOT NULL,
    type     TEXT    NOT NULL,
    actor    TEXT    NOT NULL,
    by       TEXT    NOT NULL,
    account  TEXT    NOT NULL,
    handle   TEXT    NOT NULL,
    session  TEXT    NOT NULL,
    provider TEXT    NOT NULL,
    app      TEXT    NOT NULL,
    cause    TEXT    NOT NULL,
    incident TEXT    NOT NULL,
    detail   TEXT    NOT NULL,
    personal TEXT
) STRICT;
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_type ON audit (type);
CREATE INDEX audit_account ON audit (account) WHERE account <> '';
CREATE INDEX audit_session ON audit (session) WHERE session <> '';
CREATE INDEX audit_incident ON audit (incident) WHERE incident <> '';

-- People who were refused have no account whose deletion would name their rows.
CREATE INDEX audit_strangers ON audit (seq) WHERE account = '' AND personal IS NOT NULL;
