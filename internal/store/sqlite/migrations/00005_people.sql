-- What operators ask about people: the address that each identity came with, accounts by
-- handle, those that are shut, and what ended of an account.
-- +goose Up
ALTER TABLE identities ADD COLUMN email TEXT NOT NULL DEFAULT '';
ALTER TABLE identities ADD COLUMN email_believed INTEGER NOT NULL DEFAULT 0;

-- erasing: disabled for good; the account goes when its last session has ended.
ALTER TABLE accounts ADD COLUMN erasing INTEGER NOT NULL DEFAULT 0;
CREATE INDEX accounts_handle ON accounts (handle);
CREATE INDEX accounts_shut ON accounts (id) WHERE disabled = 1;

-- When the account that had a handle was erased; 0: it was not.
ALTER TABLE handles ADD COLUMN erased_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX handles_account ON handles (account);

CREATE INDEX ends_account ON ends (account);
CREATE INDEX outbox_created ON outbox (created_at, id);
