-- A store as the program wrote it whose schema was version 1, under a root key of 32
-- times the byte 42: one live session, one that ended with a delivery made and one
-- pending, an account, a spent value. Seats and states are SHA-256 of the words in the test.
BEGIN TRANSACTION;
CREATE TABLE schema_version (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	);
INSERT INTO schema_version VALUES(1,0,1,'2026-11-22 08:33:45');
INSERT INTO schema_version VALUES(2,1,1,'2026-11-22 08:33:45');
CREATE TABLE data_keys (
    id         TEXT    NOT NULL PRIMARY KEY,
    wrapped    BLOB    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
INSERT INTO data_keys VALUES('jcq5zfcg6pvuc4lw',X'01280a0863534254bc1031b5e03876247db059ce2266755f82f1160b2ef2088ad10cac24c8a8e82c3ed22201b1bdead5b00b0afa68d4260ede82766a34',1795336425546583);
CREATE TABLE accounts (
    id         TEXT    NOT NULL PRIMARY KEY,
    handle     TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    email      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    disabled   INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO accounts VALUES('acc-ann','ann','Ann','ann@example.com',1793611800123456,0);
CREATE TABLE handles (
    handle   TEXT    NOT NULL COLLATE NOCASE PRIMARY KEY,
    account  TEXT    NOT NULL,
    given_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO handles VALUES('ann','acc-ann',1793611800123456);
CREATE TABLE identities (
    issuer    TEXT    NOT NULL,
    subject   TEXT    NOT NULL,
    account   TEXT    NOT NULL,
    provider  TEXT    NOT NULL,
    linked_at INTEGER NOT NULL,
    last_used INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;
INSERT INTO identities VALUES('https://id.example.com','ann','acc-ann','main',1793611800123456,1793611800123456);
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
INSERT INTO sessions VALUES('session-live',1,'acc-ann','ann','main','https://id.example.com','ann','sid-live',1793611800123456,1793611800123456,1793611800123456,3600000000,86400000000,1793615400123456,1793698200123456,'Mozilla/5.0','192.0.2.1',1);
CREATE TABLE session_secrets (
    n      INTEGER NOT NULL PRIMARY KEY,
    sealed BLOB    NOT NULL
) STRICT;
INSERT INTO session_secrets VALUES(1,X'01106a6371357a6663673670767563346c775f143a3a338aef26fc070594b4452e005b7ffcf4c7386d086c73174ba5e962d12450d2d658ae0d454f50b84449136ed741e7add7a3d08c2d9f1ee85de4c35dbb6bde6944606281b665a06ef7f722417dbc198db8f90a499053f6f4dff6c5808aa7b8c3c6b02ae6fca6794116ea9d6a617205234b535b7e2efc1bb77399a666a4b7914353780102a63b8a4a15819c1804b3f8b8618ed5d2d34b205d77f391793b3d9d817cc9');
CREATE TABLE seats (
    hash       BLOB    NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    session    TEXT    NOT NULL,
    origin     TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO seats VALUES(X'95037be83824886d465b07f55c3a4f2ae3b9b62087e8b29c0de636d07966ec1b','session-ended','https://chat.example.com',1793611800123456);
INSERT INTO seats VALUES(X'91ed0ad1265c4e33a4d64e55868084340a31550e5a61eb91bb2dc00864506e4b','session-live','https://chat.example.com',1793611800123456);
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
INSERT INTO ends VALUES(1,'session-ended','acc-ann','main','https://id.example.com','ann','sid-ended','button',1,1793611800123456,1793784600123456);
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
INSERT INTO receipts VALUES('session-ended',X'4ba69735ca53765ed6a709edb56c6ea236b7193a3b29a6b390c346f0f4340e4e','acc-ann','main','button','provider',1793611800123456,1793698200123456,0,0,0,'https://chat.example.com');
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
INSERT INTO outbox VALUES('revoke','revoke-token','session-ended','main',NULL,'done',1793611800123456,1793611800123456,1793871000123456,1,'',1793698200123456);
INSERT INTO outbox VALUES('end-session','end-session','session-ended','main',X'01106a6371357a6663673670767563346c77777aa3c3678d9e42363bf736750334acf6fa40ec2cd24068f02c1314ae8642eacc6569b075f0330dac469002814888c4542c12b60efddab3871a35f896af15f52235','pending',1793611800123456,1793611800123456,1793871000123456,0,'',1793698200123456);
CREATE TABLE single_use (
    key   BLOB    NOT NULL PRIMARY KEY CHECK (length(key) = 32),
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO single_use VALUES(X'f839161355091fcd9e33f571e0b11c60217a5009f9973e769c13d7858db162cc',1793615400123456);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('schema_version',2);
INSERT INTO sqlite_sequence VALUES('ends',1);
CREATE INDEX identities_account ON identities (account);
CREATE INDEX sessions_account ON sessions (account, id);
CREATE INDEX sessions_provider ON sessions (provider, id);
CREATE INDEX sessions_subject ON sessions (issuer, subject, id);
CREATE INDEX sessions_sid ON sessions (issuer, sid, id) WHERE sid <> '';
CREATE INDEX sessions_idle ON sessions (idle_until) WHERE idle_until IS NOT NULL;
CREATE INDEX sessions_absolute ON sessions (absolute_until) WHERE absolute_until IS NOT NULL;
CREATE INDEX seats_session ON seats (session, origin, created_at);
CREATE INDEX ends_sid ON ends (issuer, sid) WHERE sid <> '';
CREATE INDEX ends_subject ON ends (issuer, subject, sid);
CREATE INDEX ends_until ON ends (until);
CREATE INDEX receipts_until ON receipts (until);
CREATE INDEX outbox_due ON outbox (next_at) WHERE state = 'pending';
CREATE INDEX outbox_kept ON outbox (keep_until) WHERE state <> 'pending';
CREATE INDEX outbox_session ON outbox (session);
CREATE INDEX outbox_state ON outbox (state, next_at);
CREATE INDEX single_use_until ON single_use (until);
COMMIT;
