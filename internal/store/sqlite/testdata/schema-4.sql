-- The store of schema-3.sql in schema version 4, with something that was refused.
BEGIN TRANSACTION;
CREATE TABLE schema_version (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	);
INSERT INTO schema_version VALUES(1,0,1,'2026-11-22 12:24:36');
INSERT INTO schema_version VALUES(2,1,1,'2026-11-22 12:24:36');
INSERT INTO schema_version VALUES(3,2,1,'2026-11-22 12:24:36');
INSERT INTO schema_version VALUES(4,3,1,'2026-11-22 12:25:08');
INSERT INTO schema_version VALUES(5,4,1,'2026-11-22 12:25:09');
CREATE TABLE data_keys (
    id         TEXT    NOT NULL PRIMARY KEY,
    wrapped    BLOB    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
INSERT INTO data_keys VALUES('ugha4xcrh556n34v',X'01b572f4efded22c39f2376b610f53c4d5a9050b9078a036448b574aac0134b633876c2ae318207e38395a2383eb18ef305d09873141f45839a2b89fa4',1795350276178332);
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
, client TEXT NOT NULL DEFAULT '') STRICT, WITHOUT ROWID;
INSERT INTO sessions VALUES('session-live',1,'acc-ann','ann','main','https://id.example.com','ann','sid-live',1793611800123456,1793611800123456,1793611800123456,3600000000,86400000000,1793615400123456,1793698200123456,'Mozilla/5.0','192.0.2.1',1,'DsMbNMSkFL9Dy66p');
CREATE TABLE session_secrets (
    n      INTEGER NOT NULL PRIMARY KEY,
    sealed BLOB    NOT NULL
) STRICT;
INSERT INTO session_secrets VALUES(1,X'01107567686134786372683535366e333476e7b994d307b8148d4dc7961eeebdf3657b80088e1fd525c1bb2f924c1e5099bcbada715454fb84908dd4b34f5e0164477d3f5bb28ebb1a4d83c45dd4e37c0805fd157fe1fa68f2b9a341768040031820b4d3351916e9bcc3f08e47a05af0506283421dc42556797ca01fcbb02196109b0d5b08e966fd1002a8a41f7f9a137c0013e0b93a5c401336a62cc0f4581dc46a9aa593757427287b3ca68a2218e00493b230cb606f');
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
INSERT INTO receipts VALUES('session-ended',X'4ba69735ca53765ed6a709edb56c6ea236b7193a3b29a6b390c346f0f4340e4e','acc-ann','main','button','',1793611800123456,1793784600123456,0,0,0,'https://chat.example.com');
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
, app TEXT NOT NULL DEFAULT '') STRICT;
INSERT INTO outbox VALUES('end-session','end-session','session-ended','main',X'01107567686134786372683535366e33347643e4cbe7321f4ed36dd3f37da47a1e87d7bb1279372c073c39586e9635fc3ac1f1f31be46a39eba8ef0bbf2a8aed53eeed15197123e61d314022d132b03c22e1b90a','pending',1793611800123456,1793611800123456,1793871000123456,0,'',0,'');
INSERT INTO outbox VALUES('revoke','revoke-token','session-ended','main',NULL,'done',1793611800123456,1793611800123456,1793871000123456,1,'',1793698200123456,'');
CREATE TABLE single_use (
    key   BLOB    NOT NULL PRIMARY KEY CHECK (length(key) = 32),
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO single_use VALUES(X'f839161355091fcd9e33f571e0b11c60217a5009f9973e769c13d7858db162cc',1825147800123456);
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
INSERT INTO vaults VALUES('session-live','chat','IFQH2SZC7KQMYM7MDX3G55YIKK',1,1793611800123456,0,X'01107567686134786372683535366e333476a2ee791b273cc2a254230dac043c6d03e89279d912e803857993a9298396fcc9d18e27f7b1de4007f5bd1115c07bc727d03869ae25d1273285f40e8ff423be4fb795f3');
CREATE TABLE clients (
    provider TEXT NOT NULL PRIMARY KEY,
    issuer   TEXT NOT NULL,
    client   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO clients VALUES('main','https://id.example.com','cardea');
CREATE TABLE incidents (
    id     TEXT    NOT NULL PRIMARY KEY,
    kind   TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    sealed BLOB    NOT NULL
) STRICT;
INSERT INTO incidents VALUES('incident','denied',1793611800123456,X'01107567686134786372683535366e33347610ddd96afefc024dd29cf57c1e70bad4f4c0b94d8b259455400f737b80a076479979e034958081e6000768089089b0b2cc560fddd5944d9dc69334cf1c4fca9eb5b719718e1059fcbf408eef6f9d5972e21bb58b5bad4ec192b4daf32d25eae6e961154ddc5ae13db0765e90afebcdfb78f6aff7449835ddea8035ea04');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('schema_version',5);
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
CREATE INDEX vaults_ended ON vaults (session, app) WHERE ended = 1;
CREATE INDEX outbox_app ON outbox (session, app) WHERE state = 'pending' AND app <> '';
CREATE INDEX sessions_client ON sessions (provider, client);
CREATE INDEX incidents_kind ON incidents (kind, at);
CREATE INDEX incidents_at ON incidents (at, id, kind);
COMMIT;
