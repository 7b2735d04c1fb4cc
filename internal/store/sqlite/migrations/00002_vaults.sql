-- What apps' cookies are kept for a session instead of in its browser. id is random and
-- new with every save; the seal is bound to it and to the app, not to the session, so
-- that a row moves as it is when the session goes on under another id. ended: the
-- session is over, and the row waits for the app's own logout, an outbox entry that
-- names the same session and app.
-- +goose Up
CREATE TABLE vaults (
    session  TEXT    NOT NULL,
    app      TEXT    NOT NULL CHECK (app <> ''),
    id       TEXT    NOT NULL UNIQUE,
    version  INTEGER NOT NULL,
    saved_at INTEGER NOT NULL,
    ended    INTEGER NOT NULL DEFAULT 0,
    sealed   BLOB    NOT NULL,
    PRIMARY KEY (session, app)
) STRICT;
CREATE INDEX vaults_ended ON vaults (session, app) WHERE ended = 1;

-- The app whose logout an entry is; '' for all others.
ALTER TABLE outbox ADD COLUMN app TEXT NOT NULL DEFAULT '';
CREATE INDEX outbox_app ON outbox (session, app) WHERE state = 'pending' AND app <> '';
