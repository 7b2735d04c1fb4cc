-- Issuers of which an identity was unlinked from an account: a verified e-mail leads
-- nobody of theirs back to it.
-- +goose Up
CREATE TABLE partings (
    account TEXT NOT NULL,
    issuer  TEXT NOT NULL,
    PRIMARY KEY (account, issuer)
) STRICT, WITHOUT ROWID;
INSERT INTO partings (account, issuer) SELECT DISTINCT account, issuer FROM unlinkings;
