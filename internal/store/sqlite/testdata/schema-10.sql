-- The store of schema 9 as it was after the upgrade to schema 10, and what that program wrote.
BEGIN TRANSACTION;
CREATE TABLE accounts (
    id         TEXT    NOT NULL PRIMARY KEY,
    handle     TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    email      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    disabled   INTEGER NOT NULL DEFAULT 0
, erasing INTEGER NOT NULL DEFAULT 0) STRICT;
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
CREATE TABLE clients (
    provider TEXT NOT NULL PRIMARY KEY,
    issuer   TEXT NOT NULL,
    client   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE data_keys (
    id         TEXT    NOT NULL PRIMARY KEY,
    wrapped    BLOB    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
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
CREATE TABLE handles (
    handle   TEXT    NOT NULL COLLATE NOCASE PRIMARY KEY,
    account  TEXT    NOT NULL,
    given_at INTEGER NOT NULL
, erased_at INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;
CREATE TABLE identities (
    issuer    TEXT    NOT NULL,
    subject   TEXT    NOT NULL,
    account   TEXT    NOT NULL,
    provider  TEXT    NOT NULL,
    linked_at INTEGER NOT NULL,
    last_used INTEGER NOT NULL, email TEXT NOT NULL DEFAULT '', email_believed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;
CREATE TABLE incidents (
    id     TEXT    NOT NULL PRIMARY KEY,
    kind   TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    sealed BLOB    NOT NULL
) STRICT;
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
CREATE TABLE partings (
    account TEXT NOT NULL,
    issuer  TEXT NOT NULL,
    PRIMARY KEY (account, issuer)
) STRICT, WITHOUT ROWID;
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
, others INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;
CREATE TABLE schema_version (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	);
CREATE TABLE seats (
    hash       BLOB    NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    session    TEXT    NOT NULL,
    origin     TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE session_secrets (
    n      INTEGER NOT NULL PRIMARY KEY,
    sealed BLOB    NOT NULL
) STRICT;
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
CREATE TABLE single_use (
    key   BLOB    NOT NULL PRIMARY KEY CHECK (length(key) = 32),
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE unlinkings (
    account     TEXT    NOT NULL,
    issuer      TEXT    NOT NULL,
    subject     TEXT    NOT NULL,
    unlinked_at INTEGER NOT NULL,
    PRIMARY KEY (account, issuer, subject)
) STRICT, WITHOUT ROWID;
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
CREATE INDEX accounts_handle ON accounts (handle);
CREATE INDEX accounts_shut ON accounts (id) WHERE disabled = 1;
CREATE INDEX audit_account ON audit (account) WHERE account <> '';
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_incident ON audit (incident) WHERE incident <> '';
CREATE INDEX audit_session ON audit (session) WHERE session <> '';
CREATE INDEX audit_strangers ON audit (seq) WHERE account = '' AND personal IS NOT NULL;
CREATE INDEX audit_type ON audit (type);
CREATE INDEX ends_account ON ends (account);
CREATE INDEX ends_sid ON ends (issuer, sid) WHERE sid <> '';
CREATE INDEX ends_subject ON ends (issuer, subject, sid);
CREATE INDEX ends_until ON ends (until);
CREATE INDEX handles_account ON handles (account);
CREATE INDEX identities_account ON identities (account);
CREATE INDEX identities_email ON identities (lower(email)) WHERE email_believed = 1 AND email <> '';
CREATE INDEX incidents_at ON incidents (at, id, kind);
CREATE INDEX incidents_kind ON incidents (kind, at);
CREATE INDEX outbox_app ON outbox (session, app) WHERE state = 'pending' AND app <> '';
CREATE INDEX outbox_created ON outbox (created_at, id);
CREATE INDEX outbox_due ON outbox (next_at) WHERE state = 'pending';
CREATE INDEX outbox_kept ON outbox (keep_until) WHERE state <> 'pending';
CREATE INDEX outbox_session ON outbox (session);
CREATE INDEX outbox_state ON outbox (state, next_at);
CREATE INDEX pictures_provider ON pictures (provider_hash) WHERE provider_hash <> '';
CREATE INDEX pictures_upload ON pictures (upload_hash) WHERE upload_hash <> '';
CREATE INDEX receipts_until ON receipts (until);
CREATE INDEX seats_session ON seats (session, origin, created_at);
CREATE INDEX sessions_absolute ON sessions (absolute_until) WHERE absolute_until IS NOT NULL;
CREATE INDEX sessions_account ON sessions (account, id);
CREATE INDEX sessions_client ON sessions (provider, client);
CREATE INDEX sessions_idle ON sessions (idle_until) WHERE idle_until IS NOT NULL;
CREATE INDEX sessions_provider ON sessions (provider, id);
CREATE INDEX sessions_sid ON sessions (issuer, sid, id) WHERE sid <> '';
CREATE INDEX sessions_subject ON sessions (issuer, subject, id);
CREATE INDEX single_use_until ON single_use (until);
CREATE INDEX vaults_ended ON vaults (session, app) WHERE ended = 1;
INSERT INTO accounts VALUES('acc-ann','ann','Ann','ann@example.com',1793611800123456,0,0);
INSERT INTO accounts VALUES('acc-bob','bob','Bob','bob@example.com',1793611800123456,0,0);
INSERT INTO accounts VALUES('acc-bob-10','bob-10','Bob','bob-10@example.com',1793611800123456,0,0);
INSERT INTO accounts VALUES('acc-bob-6','bob-6','Bob','bob-6@example.com',1793611800123456,0,0);
INSERT INTO accounts VALUES('acc-bob-7','bob-7','Bob','bob-7@example.com',1793611800123456,0,0);
INSERT INTO accounts VALUES('acc-bob-8','bob-8','Bob','bob-8@example.com',1793611800123456,0,0);
INSERT INTO accounts VALUES('acc-bob-9','bob-9','Bob','bob-9@example.com',1793611800123456,0,0);
INSERT INTO audit VALUES(1,'m5kq2x7vwz3tn4ydc6bhra2eue',1793611800123456,'account.created','person','','acc-bob-6','bob-6','','main','','','','{}','{"issuer":"https://id.example.com","subject":"bob-6","email":"bob-6@example.com","name":"Bob"}');
INSERT INTO audit VALUES(10,'dehceur6xl5jh5ajuusu3z3pqa',1793611800123456,'identity.unlinked','person','','acc-bob-8','bob-8','','second','','','','{}','{"issuer":"https://second.example.com","subject":"bob-8"}');
INSERT INTO audit VALUES(11,'dugxrk6eojkivr7vddxtouz5cu',1793611800123456,'avatar.changed','person','','acc-bob-8','bob-8','','','','set','','{"hash":"hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh","source":"upload"}',NULL);
INSERT INTO audit VALUES(12,'w7j2eipgjcgqr7av3wz2fh62ra',1793611800123456,'account.created','person','','acc-bob-9','bob-9','','main','','','','{}','{"issuer":"https://id.example.com","subject":"bob-9","email":"bob-9@example.com","name":"Bob"}');
INSERT INTO audit VALUES(13,'uhnpu4y5sqjzzyj2sjpgnf4ndu',1793611800123456,'session.opened','person','','acc-bob-9','bob-9','session-bob-9','main','','','','{"how":"first"}','{"issuer":"https://id.example.com","subject":"bob-9"}');
INSERT INTO audit VALUES(14,'xjfx64oqbs47x2blwyidubbwny',1793611800123456,'identity.linked','person','','acc-bob-9','bob-9','','second','','','','{"how":"person"}','{"issuer":"https://second.example.com","subject":"bob-9"}');
INSERT INTO audit VALUES(15,'wrx6qjqjwjn3zuxntqapqx3kaq',1793611800123456,'identity.unlinked','person','','acc-bob-9','bob-9','','second','','','','{}','{"issuer":"https://second.example.com","subject":"bob-9"}');
INSERT INTO audit VALUES(16,'3shla2elm67nf5xgvrpaifm4ba',1793611800123456,'avatar.changed','person','','acc-bob-9','bob-9','','','','set','','{"hash":"hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh","source":"upload"}',NULL);
INSERT INTO audit VALUES(17,'gk32mbsbcisz4iyd2i5n74dh2r',1793611800123456,'account.created','person','','acc-bob-10','bob-10','','main','','','','{}','{"issuer":"https://id.example.com","subject":"bob-10","email":"bob-10@example.com","name":"Bob"}');
INSERT INTO audit VALUES(18,'w7lp6fjihl5fg6etlnmlmbmv2l',1793611800123456,'session.opened','person','','acc-bob-10','bob-10','session-bob-10','main','','','','{"how":"first"}','{"issuer":"https://id.example.com","subject":"bob-10"}');
INSERT INTO audit VALUES(19,'qs5kcdxypcbdokp5lb2sekps5q',1793611800123456,'identity.linked','person','','acc-bob-10','bob-10','','second','','','','{"how":"person"}','{"issuer":"https://second.example.com","subject":"bob-10"}');
INSERT INTO audit VALUES(2,'r7tz4n2yqk5wx3mdc6vbha7ueu',1793611800123456,'session.opened','person','','acc-bob-6','bob-6','session-bob-6','main','','','','{"how":"first"}','{"issuer":"https://id.example.com","subject":"bob-6"}');
INSERT INTO audit VALUES(20,'kyofcvk5ykhc7htnzfcc3ye7yi',1793611800123456,'identity.unlinked','person','','acc-bob-10','bob-10','','second','','','','{}','{"issuer":"https://second.example.com","subject":"bob-10"}');
INSERT INTO audit VALUES(21,'u76s4caueg33m3dh2szfj4rwld',1793611800123456,'avatar.changed','person','','acc-bob-10','bob-10','','','','set','','{"hash":"hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh","source":"upload"}',NULL);
INSERT INTO audit VALUES(3,'mfmchzj4toy4x4ab6x442jhxqa',1793611800123456,'account.created','person','','acc-bob-7','bob-7','','main','','','','{}','{"issuer":"https://id.example.com","subject":"bob-7","email":"bob-7@example.com","name":"Bob"}');
INSERT INTO audit VALUES(4,'chud4eok6zwsus4lo7tnfinuze',1793611800123456,'session.opened','person','','acc-bob-7','bob-7','session-bob-7','main','','','','{"how":"first"}','{"issuer":"https://id.example.com","subject":"bob-7"}');
INSERT INTO audit VALUES(5,'pje7got73w7znrmyrsfeqqbeoy',1793611800123456,'identity.linked','person','','acc-bob-7','bob-7','','second','','','','{"how":"person"}','{"issuer":"https://second.example.com","subject":"bob-7"}');
INSERT INTO audit VALUES(6,'d2s27b5heekxltuhlqf3s3hqm4',1793611800123456,'identity.unlinked','person','','acc-bob-7','bob-7','','second','','','','{}','{"issuer":"https://second.example.com","subject":"bob-7"}');
INSERT INTO audit VALUES(7,'iawv6lim2drn772ly5suybwta4',1793611800123456,'account.created','person','','acc-bob-8','bob-8','','main','','','','{}','{"issuer":"https://id.example.com","subject":"bob-8","email":"bob-8@example.com","name":"Bob"}');
INSERT INTO audit VALUES(8,'dly3qezru7nr5hqqhfy3gabsim',1793611800123456,'session.opened','person','','acc-bob-8','bob-8','session-bob-8','main','','','','{"how":"first"}','{"issuer":"https://id.example.com","subject":"bob-8"}');
INSERT INTO audit VALUES(9,'lnqjrvh6gk6d4c4em23bbi7kni',1793611800123456,'identity.linked','person','','acc-bob-8','bob-8','','second','','','','{"how":"person"}','{"issuer":"https://second.example.com","subject":"bob-8"}');
INSERT INTO clients VALUES('main','https://id.example.com','cardea');
INSERT INTO data_keys VALUES('ugha4xcrh556n34v',X'01B572F4EFDED22C39F2376B610F53C4D5A9050B9078A036448B574AAC0134B633876C2AE318207E38395A2383EB18EF305D09873141F45839A2B89FA4',1795350276178332);
INSERT INTO ends VALUES(1,'session-ended','acc-ann','main','https://id.example.com','ann','sid-ended','button',1,1793611800123456,1793784600123456);
INSERT INTO handles VALUES('ann','acc-ann',1793611800123456,0);
INSERT INTO handles VALUES('bob','acc-bob',1793611800123456,0);
INSERT INTO handles VALUES('bob-10','acc-bob-10',1793611800123456,0);
INSERT INTO handles VALUES('bob-6','acc-bob-6',1793611800123456,0);
INSERT INTO handles VALUES('bob-7','acc-bob-7',1793611800123456,0);
INSERT INTO handles VALUES('bob-8','acc-bob-8',1793611800123456,0);
INSERT INTO handles VALUES('bob-9','acc-bob-9',1793611800123456,0);
INSERT INTO identities VALUES('https://id.example.com','ann','acc-ann','main',1793611800123456,1793611800123456,'',0);
INSERT INTO identities VALUES('https://id.example.com','bob','acc-bob','main',1793611800123456,1793611800123456,'bob@example.com',1);
INSERT INTO identities VALUES('https://id.example.com','bob-10','acc-bob-10','main',1793611800123456,1793611800123456,'bob-10@example.com',1);
INSERT INTO identities VALUES('https://id.example.com','bob-6','acc-bob-6','main',1793611800123456,1793611800123456,'bob-6@example.com',1);
INSERT INTO identities VALUES('https://id.example.com','bob-7','acc-bob-7','main',1793611800123456,1793611800123456,'bob-7@example.com',1);
INSERT INTO identities VALUES('https://id.example.com','bob-8','acc-bob-8','main',1793611800123456,1793611800123456,'bob-8@example.com',1);
INSERT INTO identities VALUES('https://id.example.com','bob-9','acc-bob-9','main',1793611800123456,1793611800123456,'bob-9@example.com',1);
INSERT INTO incidents VALUES('incident','denied',1793611800123456,X'01107567686134786372683535366E33347610DDD96AFEFC024DD29CF57C1E70BAD4F4C0B94D8B259455400F737B80A076479979E034958081E6000768089089B0B2CC560FDDD5944D9DC69334CF1C4FCA9EB5B719718E1059FCBF408EEF6F9D5972E21BB58B5BAD4EC192B4DAF32D25EAE6E961154DDC5AE13DB0765E90AFEBCDFB78F6AFF7449835DDEA8035EA04');
INSERT INTO incidents VALUES('kept by bob-10','denied',1793611800123456,X'01107567686134786372683535366E333476D40D2AF3FF7B768C3971500BBA4BC0AE4DE3ADCC6106792E1B134BF3B8B8CA690A59101C1C2A082CFAC608921F0745A0B361E34E7728699391D8E156DA02E7D20D667B5BC6C87B7B3D79DA9C7B4AD342BDF363FF631E65B3FB477A20CF622EB13A7839C5FBB51FFA37E4EAB2B0FB7B4EB17C119EDDBC1CCE47A3B1D7DF56289E12');
INSERT INTO incidents VALUES('kept by bob-6','denied',1793611800123456,X'01107567686134786372683535366E33347621A805D45987D28FB92A850E3DAB4172844BCC932A5674D187E8314692DD3AADD7AA88F9F00E5C18369E41A51CADC0E3195B778DB7E332EB7093BAA9C8906F1A5BEC889BB8E8E81F3E4012B26D59B6DE0D0EF0BA3A22113EC03BE13EDC48063752093F1214A10EA91F0EE50EE9816B97A589BA95C40D61D7F0FFAF557AF9DD0D');
INSERT INTO incidents VALUES('kept by bob-7','denied',1793611800123456,X'01107567686134786372683535366E33347680CDE2C758C953A01D65CC725E42E6C7F10D42C64D99119D26CF4257D067D519864BA8CA8033206B717F84A6BB44E86334AF78215FB3A07D6831E3F79C20C31F07501F8B32A3B041B141896EA871A966BC7AC271F062E270CE2AB79984F070AE931EBDD55CC8E9D83EEFD54AD8F546CC42A69382CEC3B20DDC26C9F188239F0C');
INSERT INTO incidents VALUES('kept by bob-8','denied',1793611800123456,X'01107567686134786372683535366E3334763350A49D7F7194D51030D299F91433DFDC467E7936D73A0BF69B18EE86E136C045D420AE8AD362A2E9F5DB8E19BDCEDA27A715DA7BE9385B434E4377CDDDCA6CB26D51C723FBDA1443EAC28FAD064BB607CD72C6E9474D3DB7C574B61FD82C04B697168F71F574E856F38DE8F69862F8564D2E1D662EC1627A28A0C691BFBFAA');
INSERT INTO incidents VALUES('kept by bob-9','denied',1793611800123456,X'01107567686134786372683535366E333476D0CFF4AD3637A9BAFD1CC020FF920E8B1A3A4688F4709DF189A17FE6007FC5B3451D58EE236C8486A46BB259410FFD5774A3BB047987F96E4D55A5B445880A2530C749D477297F7FCC031D3D6A89D3FBEC31E1469C0ED1A505C6F07ED735789B2231A1BC9F1F238B9167E4B70DA6E3CABC35511BAFE9838919256C1FC3C08FFB');
INSERT INTO incidents VALUES('kept','denied',1793611800123456,X'01107567686134786372683535366E33347681E81C97A0F354E4150984B87274DCED4EA7EEDF4AA99100BA0A55B268AC51C8FF97C72409CB16A063A6FAD447802ACE0F61DA54C7D3CC8FB98FEA5E0D4B1A44D9CD67A3885C5EB6D5BA90B76A31A75C17CDF85B79358E502CF6289ACEE38ED2CAFEF8FC81DEA10653ABA011697B0430629756C97832CF');
INSERT INTO outbox VALUES('end-session','end-session','session-ended','main',X'01107567686134786372683535366E33347643E4CBE7321F4ED36DD3F37DA47A1E87D7BB1279372C073C39586E9635FC3AC1F1F31BE46A39EBA8EF0BBF2A8AED53EEED15197123E61D314022D132B03C22E1B90A','pending',1793611800123456,1793611800123456,1793871000123456,0,'',0,'');
INSERT INTO outbox VALUES('revoke','revoke-token','session-ended','main',NULL,'done',1793611800123456,1793611800123456,1793871000123456,1,'',1793698200123456,'');
INSERT INTO partings VALUES('acc-bob-10','https://second.example.com');
INSERT INTO partings VALUES('acc-bob-7','https://second.example.com');
INSERT INTO partings VALUES('acc-bob-8','https://second.example.com');
INSERT INTO partings VALUES('acc-bob-9','https://second.example.com');
INSERT INTO pictures VALUES('acc-bob-10','hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh','image/png',1793611800123456,X'66616365206F6620626F622D3130','','',0,NULL,'','',0,'');
INSERT INTO pictures VALUES('acc-bob-8','hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh','image/png',1793611800123456,X'66616365206F6620626F622D38','','',0,NULL,'','',0,'');
INSERT INTO pictures VALUES('acc-bob-9','hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh','image/png',1793611800123456,X'66616365206F6620626F622D39','','',0,NULL,'','',0,'');
INSERT INTO receipts VALUES('session-ended',X'4BA69735CA53765ED6A709EDB56C6EA236B7193A3B29A6B390C346F0F4340E4E','acc-ann','main','button','',1793611800123456,1793784600123456,0,0,0,'https://chat.example.com',0);
INSERT INTO schema_version VALUES(1,0,1,'2026-11-22 12:24:36');
INSERT INTO schema_version VALUES(10,9,1,'2026-11-22 15:57:43');
INSERT INTO schema_version VALUES(11,10,1,'2026-11-22 19:32:09');
INSERT INTO schema_version VALUES(2,1,1,'2026-11-22 12:24:36');
INSERT INTO schema_version VALUES(3,2,1,'2026-11-22 12:24:36');
INSERT INTO schema_version VALUES(4,3,1,'2026-11-22 12:25:08');
INSERT INTO schema_version VALUES(5,4,1,'2026-11-22 12:25:09');
INSERT INTO schema_version VALUES(6,5,1,'2026-11-22 13:09:04');
INSERT INTO schema_version VALUES(7,6,1,'2026-11-22 14:52:47');
INSERT INTO schema_version VALUES(8,7,1,'2026-11-22 15:02:19');
INSERT INTO schema_version VALUES(9,8,1,'2026-11-22 15:17:57');
INSERT INTO seats VALUES(X'39DB875F19C976BD47728244EE015C2AAABBD4849668F2AE3BD2BA7B1CF7FF14','session-bob-6','https://chat.example.com',1793611800123456);
INSERT INTO seats VALUES(X'51BBB9B4D11DF3579F593B3CC2896379EF8E985833882CC2EFCE7CC06E3B424E','session-bob-8','https://chat.example.com',1793611800123456);
INSERT INTO seats VALUES(X'58ED1D025ED66305BB0FEB5950DE1AB6DE0714E667050EA9812D3807827C9A81','session-bob','https://chat.example.com',1793611800123456);
INSERT INTO seats VALUES(X'91ED0AD1265C4E33A4D64E55868084340A31550E5A61EB91BB2DC00864506E4B','session-live','https://chat.example.com',1793611800123456);
INSERT INTO seats VALUES(X'95037BE83824886D465B07F55C3A4F2AE3B9B62087E8B29C0DE636D07966EC1B','session-ended','https://chat.example.com',1793611800123456);
INSERT INTO seats VALUES(X'9F6F92964DFD0E7F35239D0D562F5D780C6B629843027D98A58073F2C24C14E0','session-bob-10','https://chat.example.com',1793611800123456);
INSERT INTO seats VALUES(X'C08C465ABA3C68300090C421C41995C7364BFA63F15119BFCD49E95B281441CA','session-bob-7','https://chat.example.com',1793611800123456);
INSERT INTO seats VALUES(X'F642EF537724EAF73C7847A4D6204A4CC90373635E86BF5DE7DAF9FB7E465AEF','session-bob-9','https://chat.example.com',1793611800123456);
INSERT INTO session_secrets VALUES(1,X'01107567686134786372683535366E333476E7B994D307B8148D4DC7961EEEBDF3657B80088E1FD525C1BB2F924C1E5099BCBADA715454FB84908DD4B34F5E0164477D3F5BB28EBB1A4D83C45DD4E37C0805FD157FE1FA68F2B9A341768040031820B4D3351916E9BCC3F08E47A05AF0506283421DC42556797CA01FCBB02196109B0D5B08E966FD1002A8A41F7F9A137C0013E0B93A5C401336A62CC0F4581DC46A9AA593757427287B3CA68A2218E00493B230CB606F');
INSERT INTO session_secrets VALUES(2,X'01107567686134786372683535366E3334769414A68D0FEF23C916CCB0A8DDDBFC91A097947D1DE0E0010BB0E15D62A901E4D857D7EB5897D129DFEC678D01BA316386C443CB1848221A107762FD4582D00242C1A63A8FC26A7E5116F20A16D1A243275C9E87AB02C5D5E39F0831956342FFDC34D431A2CBC9FC');
INSERT INTO session_secrets VALUES(3,X'01107567686134786372683535366E333476DC807459A74A86A56058861AA1794D1BB25917EC84CDD2A03E32C22D583DCB1E22A3BDBB2F7A528F529293091E95B7957485631D9B02DE42A28732C3DD68E01E9DED1D42E4248200B4644B5E51FF795590180D6290670790F4AC4610962F29A9F8138C69139F7AFA1207');
INSERT INTO session_secrets VALUES(4,X'01107567686134786372683535366E333476B7AD17ACA0B8D8EAE7D8C51DC1F3186CE19D2FEC5B500339B00498FFE44B05782AB92F5A77F98655BCEFC8AA9FB139FB781C9CB3C2D9C205CC72529A811EAA9D7D52E0D3DF3F078393799EEFA006831F14608244CB7D80660C8370289301213A8AFF8713DA1862CA5F2B');
INSERT INTO session_secrets VALUES(5,X'01107567686134786372683535366E333476273A6D45B500FFCBAD4264CD6EE8F80BBFD5420AAD203C86009587EA0BA23AFC5FAE9CF4CA32FC60B95AC6D1BEA51DB8F7F74B38146090302644A8FBA89660922943C7157D3D22B770583926D53B69B41E3E0E08073807A8391274E9227412EA9E97E4EBD57970858C4F');
INSERT INTO session_secrets VALUES(6,X'01107567686134786372683535366E3334760611AC9D90CA6A890C41BDF9E08636278A5804E7C77F43517DE4956DD8D02D39D57C91358F702C5695246073D62F7348D882833FCE133256225773D28416544B1ADAFD72974AFB3CCD5D213597C98B7A3483259AE583B58B862A7742CC739C80825DCE835854ED821CF4');
INSERT INTO session_secrets VALUES(7,X'01107567686134786372683535366E333476C4561F1F7269C5B64B6E51C9B4DCEF9AEBC1D09842CE049AB3621AE4FFF35B20E60476C862E42F063DAA29B92DFE1E640A2D7505CD09CE7369C6EEB30D4330D7EF8779A479CE6BEDA64B211D310BBC2258FC26DAED7C233833E5F920211147D4ABB2F546214205706643C9');
INSERT INTO sessions VALUES('session-bob',2,'acc-bob','bob','main','https://id.example.com','bob','',1793611800123456,1793611800123456,1793611800123456,0,0,NULL,NULL,'','',1,'DsMbNMSkFL9Dy66p');
INSERT INTO sessions VALUES('session-bob-10',7,'acc-bob-10','bob-10','main','https://id.example.com','bob-10','',1793611800123456,1793611800123456,1793611800123456,0,0,NULL,NULL,'','',1,'DsMbNMSkFL9Dy66p');
INSERT INTO sessions VALUES('session-bob-6',3,'acc-bob-6','bob-6','main','https://id.example.com','bob-6','',1793611800123456,1793611800123456,1793611800123456,0,0,NULL,NULL,'','',1,'DsMbNMSkFL9Dy66p');
INSERT INTO sessions VALUES('session-bob-7',4,'acc-bob-7','bob-7','main','https://id.example.com','bob-7','',1793611800123456,1793611800123456,1793611800123456,0,0,NULL,NULL,'','',1,'DsMbNMSkFL9Dy66p');
INSERT INTO sessions VALUES('session-bob-8',5,'acc-bob-8','bob-8','main','https://id.example.com','bob-8','',1793611800123456,1793611800123456,1793611800123456,0,0,NULL,NULL,'','',1,'DsMbNMSkFL9Dy66p');
INSERT INTO sessions VALUES('session-bob-9',6,'acc-bob-9','bob-9','main','https://id.example.com','bob-9','',1793611800123456,1793611800123456,1793611800123456,0,0,NULL,NULL,'','',1,'DsMbNMSkFL9Dy66p');
INSERT INTO sessions VALUES('session-live',1,'acc-ann','ann','main','https://id.example.com','ann','sid-live',1793611800123456,1793611800123456,1793611800123456,3600000000,86400000000,1793615400123456,1793698200123456,'Mozilla/5.0','192.0.2.1',1,'DsMbNMSkFL9Dy66p');
INSERT INTO single_use VALUES(X'F839161355091FCD9E33F571E0B11C60217A5009F9973E769C13D7858DB162CC',1825147800123456);
INSERT INTO unlinkings VALUES('acc-bob-10','https://second.example.com','bob-10',1793611800123456);
INSERT INTO unlinkings VALUES('acc-bob-7','https://second.example.com','bob-7',1793611800123456);
INSERT INTO unlinkings VALUES('acc-bob-8','https://second.example.com','bob-8',1793611800123456);
INSERT INTO unlinkings VALUES('acc-bob-9','https://second.example.com','bob-9',1793611800123456);
INSERT INTO vaults VALUES('session-bob','chat','2IGOZE6MLEBMDI3DTNQYIKCMAQ',1,1793611800123456,0,X'01107567686134786372683535366E333476ABAF423F9DB01C14C66D2C5A4AAFEA068EC90EE962F58ACA031C9110A9E67BB22FD94487748D02152739352A7AB46A5A84D75A40BA4DCECEF1');
INSERT INTO vaults VALUES('session-bob-10','chat','HZPA2ZCDI5IOFACKF3RJ3P33DI',1,1793611800123456,0,X'01107567686134786372683535366E333476329D5881DCD8C0523A4039DC425CE9AA2B09C79B355952B04AF50CCF385AEC0BFF8F23051DE9DAC3DA3BF4C38303C3D975272E98C7721A8D973FBA6E68');
INSERT INTO vaults VALUES('session-bob-6','chat','KRXFSNCAPOUV324EW5QIO4JAVN',1,1793611800123456,0,X'01107567686134786372683535366E333476051ABD3637A74176DD46A6B0395DE47800B55A0361D80769F221D8710EC1FA4518BDE989D774A523767B33E0E07BEFE730FB04323B263B61FECF13A9');
INSERT INTO vaults VALUES('session-bob-7','chat','CEP7IW3OHJMIR3ZK7WJ4NTWGOY',1,1793611800123456,0,X'01107567686134786372683535366E3334765ED98175D3FF7E464F7667E8B1FDB32B005068E8DAA7F6DFEE43C3B219894939A607D8940429D5A9DFDA82F9B795FAD38E6A515855CABAFEAF3CBE7E');
INSERT INTO vaults VALUES('session-bob-8','chat','I4SZ7B2ZU5HOHHFTI4ZLBT3HLF',1,1793611800123456,0,X'01107567686134786372683535366E333476665F8893BED41FF4819538AC18AE7D7288F4067EC533FD8533D20A130DF58EF47E8F73699A2D7A9BDB853E399DE18073841586A61279E8B565CF7A00');
INSERT INTO vaults VALUES('session-bob-9','chat','UXP4I32H7SZ3QU2B5OEEZMQ4R4',1,1793611800123456,0,X'01107567686134786372683535366E33347659CE11EED0BB9056F8E072CB4EFFAB8D1745355F6A77069F381F0A684DD12725A4F4D75ECCE396147B18696D4D78955433661DE6B668C9688DF020C6');
INSERT INTO vaults VALUES('session-live','chat','IFQH2SZC7KQMYM7MDX3G55YIKK',1,1793611800123456,0,X'01107567686134786372683535366E333476A2EE791B273CC2A254230DAC043C6D03E89279D912E803857993A9298396FCC9D18E27F7B1DE4007F5BD1115C07BC727D03869AE25D1273285F40E8FF423BE4FB795F3');
COMMIT;
