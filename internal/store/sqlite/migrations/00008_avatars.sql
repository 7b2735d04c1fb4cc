-- Pictures of people, one row for an account: what the person gave, which wins, what the
-- picture at a provider became, and the last attempt to have that one. Addresses are kept
-- as hashes.
-- +goose Up
CREATE TABLE pictures (
    account       TEXT    NOT NULL PRIMARY KEY,
    upload_hash   TEXT    NOT NULL DEFAULT '',
    upload_type   TEXT    NOT NULL DEFAULT '',
    upload_at     INTEGER NOT NULL DEFAULT 0,
    upload        BLOB    CHECK (length(upload) <= 524288),
    provider_hash TEXT    NOT NULL DEFAULT '',
    provider_type TEXT    NOT NULL DEFAULT '',
    provider_at   INTEGER NOT NULL DEFAULT 0,
    provider      BLOB    CHECK (length(provider) <= 524288),
    tried         TEXT    NOT NULL DEFAULT '',
    tried_address TEXT    NOT NULL DEFAULT '',
    tried_at      INTEGER NOT NULL DEFAULT 0,
    tried_error   TEXT    NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX pictures_upload ON pictures (upload_hash) WHERE upload_hash <> '';
CREATE INDEX pictures_provider ON pictures (provider_hash) WHERE provider_hash <> '';
