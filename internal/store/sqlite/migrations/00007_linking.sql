-- Unlinkings whose sessions may not all have ended. A row goes when they have; until then
-- the identity opens no session for the account, though it be linked again.
-- +goose Up
CREATE TABLE unlinkings (
    account     TEXT    NOT NULL,
    issuer      TEXT    NOT NULL,
    subject     TEXT    NOT NULL,
    unlinked_at INTEGER NOT NULL,
    PRIMARY KEY (account, issuer, subject)
) STRICT, WITHOUT ROWID;

-- Whose verified e-mail an address is, whatever the case of its ASCII letters.
CREATE INDEX identities_email ON identities (lower(email)) WHERE email_believed = 1 AND email <> '';
