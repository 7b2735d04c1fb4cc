-- Who the gateway was at each provider when its last start was complete: the sessions
-- that were opened as somebody else have all been ended by then.
-- +goose Up
CREATE TABLE clients (
    provider TEXT NOT NULL PRIMARY KEY,
    issuer   TEXT NOT NULL,
    client   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The mark of the client that a session was opened as; '' for sessions from before this.
ALTER TABLE sessions ADD COLUMN client TEXT NOT NULL DEFAULT '';
CREATE INDEX sessions_client ON sessions (provider, client);
