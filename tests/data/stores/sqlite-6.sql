-- A store of version 6. Never change it.
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('6');
CREATE TABLE alerts (
	id INTEGER NOT NULL, 
	at FLOAT NOT NULL, 
	"key" VARCHAR(128) NOT NULL, 
	level VARCHAR(16) NOT NULL, 
	subject TEXT NOT NULL, 
	lines JSON NOT NULL, 
	details JSON NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "alerts" VALUES(1,120.0,'dify_down','critical','Dify does not answer','["since 12:00", "\u770b\u770b"]','{"status": 503}');
CREATE TABLE closings (
	bot VARCHAR(64) NOT NULL, 
	account BIGINT NOT NULL, 
	conversation BIGINT NOT NULL, 
	at FLOAT NOT NULL, 
	PRIMARY KEY (bot, account, conversation, at)
);
INSERT INTO "closings" VALUES('kbtool',1,8,140.0);
INSERT INTO "closings" VALUES('kbtool',1,8,150.5);
CREATE TABLE "conversations" (
	bot VARCHAR(64) NOT NULL, 
	account BIGINT NOT NULL, 
	id BIGINT NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	status_at FLOAT NOT NULL, 
	has_person BOOLEAN NOT NULL, 
	ended_at FLOAT NOT NULL, 
	person_at FLOAT NOT NULL, 
	episode_at FLOAT NOT NULL, 
	dify_conversation VARCHAR(64) NOT NULL, 
	was_clarified BOOLEAN NOT NULL, 
	language VARCHAR(32) NOT NULL, 
	left_at FLOAT DEFAULT 0 NOT NULL, 
	captain_at FLOAT DEFAULT 0 NOT NULL, 
	has_rival BOOLEAN DEFAULT 0 NOT NULL, 
	channel VARCHAR(64) DEFAULT ('') NOT NULL, 
	inbox BIGINT DEFAULT 0 NOT NULL, 
	labels JSON DEFAULT '[]' NOT NULL, 
	due_at FLOAT, 
	attempts INTEGER DEFAULT 0 NOT NULL, 
	owner VARCHAR(36) DEFAULT ('') NOT NULL, 
	PRIMARY KEY (bot, account, id)
);
INSERT INTO "conversations" VALUES('kbtool',1,7,'pending',111.0,0,50.0,40.0,60.0,'c-1',0,'de',60.0,0.0,0,'Channel::WebWidget',4,'["vip", "\u9000\u6b3e"]',0.0,2,'');
INSERT INTO "conversations" VALUES('kbtool',1,8,'open',90.0,1,0.0,95.0,0.0,'',1,'',0.0,0.0,1,'Channel::Email',5,'[]',NULL,0,'');
CREATE TABLE deliveries (
	id INTEGER NOT NULL, 
	bot VARCHAR(64) NOT NULL, 
	delivery VARCHAR(128) NOT NULL, 
	at FLOAT NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	body BLOB, 
	PRIMARY KEY (id), 
	UNIQUE (bot, delivery)
);
INSERT INTO "deliveries" VALUES(1,'kbtool','0b0c7f6e-1',100.0,'sorted',NULL);
INSERT INTO "deliveries" VALUES(2,'kbtool','0b0c7f6e-2',101.5,'new',X'7B226576656E74223A226D6573736167655F63726561746564227D');
INSERT INTO "deliveries" VALUES(3,'shop-zh','字-é',1764165600.123,'dead',X'FF00FE');
CREATE TABLE drafts (
	bot VARCHAR(64) NOT NULL, 
	account BIGINT NOT NULL, 
	message BIGINT NOT NULL, 
	conversation BIGINT NOT NULL, 
	at FLOAT NOT NULL, 
	asked TEXT NOT NULL, 
	text TEXT NOT NULL, 
	action VARCHAR(16) NOT NULL, 
	reason VARCHAR(32) NOT NULL, 
	score FLOAT, 
	threshold FLOAT, 
	sources JSON NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	sent TEXT DEFAULT '' NOT NULL, 
	distance INTEGER, 
	why VARCHAR(200) DEFAULT '' NOT NULL, 
	agent BIGINT DEFAULT 0 NOT NULL, 
	posted BIGINT, 
	decided_at FLOAT, 
	PRIMARY KEY (bot, account, message)
);
INSERT INTO "drafts" VALUES('kbtool',1,12,7,112.0,'And by post?','Send it to …','reply','above_threshold',0.71,0.5,'[{"title": "Returns", "section": "Packing"}]','open','',NULL,'',0,NULL,NULL);
INSERT INTO "drafts" VALUES('kbtool',1,11,7,101.0,'How long may I wait?','30 days.','reply','above_threshold',0.8,0.5,'[]','sent','30 days!',1,'',9,21,104.0);
CREATE TABLE handled (
	kind VARCHAR(16) NOT NULL, 
	account BIGINT NOT NULL, 
	message BIGINT NOT NULL, 
	at FLOAT NOT NULL, 
	"by" VARCHAR(16) NOT NULL, 
	PRIMARY KEY (kind, account, message)
);
INSERT INTO "handled" VALUES('gap',1,31,160.0,'stub');
CREATE TABLE "messages" (
	bot VARCHAR(64) NOT NULL, 
	account BIGINT NOT NULL, 
	id BIGINT NOT NULL, 
	conversation BIGINT NOT NULL, 
	at FLOAT NOT NULL, 
	role VARCHAR(16) NOT NULL, 
	verdict VARCHAR(32) NOT NULL, 
	text TEXT NOT NULL, 
	attachments JSON NOT NULL, 
	contact BIGINT NOT NULL, 
	mark VARCHAR(200) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	received_at FLOAT DEFAULT 0 NOT NULL, 
	turn BIGINT, 
	PRIMARY KEY (bot, account, id)
);
INSERT INTO "messages" VALUES('kbtool',1,11,7,100.0,'customer','asks','How long may I wait?','[]',3,'','done',100.4,11);
INSERT INTO "messages" VALUES('kbtool',1,12,7,110.0,'customer','asks','And by post?','[]',3,'','waiting',110.3,NULL);
INSERT INTO "messages" VALUES('kbtool',1,13,7,111.0,'customer','asks','Hello?','[]',3,'','waiting',111.2,NULL);
INSERT INTO "messages" VALUES('kbtool',1,21,7,102.0,'bot','own','30 days.','[]',0,'kbtool:1:11:0','',102.1,NULL);
INSERT INTO "messages" VALUES('kbtool',1,31,8,90.0,'customer','asks','水壶漏水 🫖 ''drop	table''; --
line two','[{"file_type": "image", "data_url": "https://chat.example.com/a.png"}]',1099511627776,'','dead',90.1,31);
CREATE TABLE posts (
	bot VARCHAR(64) NOT NULL, 
	account BIGINT NOT NULL, 
	message BIGINT NOT NULL, 
	number INTEGER NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	text TEXT NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	begun_at FLOAT NOT NULL, 
	posted BIGINT, 
	PRIMARY KEY (bot, account, message, number)
);
INSERT INTO "posts" VALUES('kbtool',1,11,0,'reply','30 days.','sent',101.0,21);
INSERT INTO "posts" VALUES('kbtool',1,31,0,'handoff','Ich hole jemanden.','planned',0.0,NULL);
INSERT INTO "posts" VALUES('kbtool',1,31,1,'note','Dify: 503','planned',0.0,NULL);
CREATE TABLE ratings (
	bot VARCHAR(64) NOT NULL, 
	account BIGINT NOT NULL, 
	message BIGINT NOT NULL, 
	conversation BIGINT NOT NULL, 
	at FLOAT NOT NULL, 
	rating INTEGER NOT NULL, 
	words TEXT NOT NULL, 
	PRIMARY KEY (bot, account, message)
);
INSERT INTO "ratings" VALUES('kbtool',1,40,8,130.0,2,'too slow, 太慢');
CREATE TABLE replicas (
	id VARCHAR(36) NOT NULL, 
	seen_at FLOAT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "replicas" VALUES('6a6f6869-0000-4000-8000-000000000001',111.0);
CREATE TABLE sessions (
	id VARCHAR(64) NOT NULL, 
	agent BIGINT NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	token BLOB NOT NULL, 
	ends_at FLOAT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "sessions" VALUES('9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',9,'Zoë 李',X'00FF10',5000.0);
CREATE TABLE stream (
	id INTEGER NOT NULL, 
	event VARCHAR(32) NOT NULL, 
	at FLOAT NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	bot VARCHAR(64) NOT NULL, 
	account BIGINT NOT NULL, 
	conversation BIGINT NOT NULL, 
	body JSON NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	attempts INTEGER NOT NULL, 
	due_at FLOAT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (event)
);
INSERT INTO "stream" VALUES(1,'a1b2c3d4e5f60718293a4b5c6d7e8f90',101.0,'handoff','kbtool',1,8,'{"specversion": "1.0", "type": "kbtool.handoff", "data": {"account": 1, "conversation": 8, "message": 31, "score": null, "why": "\u6c34\u58f6"}}','sent',1,0.0);
INSERT INTO "stream" VALUES(2,'a1b2c3d4e5f60718293a4b5c6d7e8f91',130.0,'csat','kbtool',1,7,'{"specversion": "1.0", "type": "kbtool.csat", "data": {"rating": 2, "comment": "\u592a\u6162"}}','waiting',4,160.0);
CREATE TABLE told (
	channel VARCHAR(16) NOT NULL, 
	alert BIGINT NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	attempts INTEGER NOT NULL, 
	due_at FLOAT NOT NULL, 
	PRIMARY KEY (channel, alert)
);
INSERT INTO "told" VALUES('slack',1,'sent',1,0.0);
INSERT INTO "told" VALUES('email',1,'waiting',3,180.0);
CREATE TABLE trace (
	id INTEGER NOT NULL, 
	bot VARCHAR(64) NOT NULL, 
	account BIGINT NOT NULL, 
	conversation BIGINT NOT NULL, 
	message BIGINT, 
	at FLOAT NOT NULL, 
	step VARCHAR(16) NOT NULL, 
	text TEXT NOT NULL, 
	detail JSON NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "trace" VALUES(1,'kbtool',1,7,11,101.0,'post','reply posted','{}');
INSERT INTO "trace" VALUES(2,'kbtool',1,8,NULL,95.0,'status','open','{"by": {"agent": 9}}');
CREATE TABLE turns (
	bot VARCHAR(64) NOT NULL, 
	account BIGINT NOT NULL, 
	message BIGINT NOT NULL, 
	conversation BIGINT NOT NULL, 
	at FLOAT NOT NULL, 
	action VARCHAR(16) NOT NULL, 
	reason VARCHAR(32) NOT NULL, 
	score FLOAT, 
	PRIMARY KEY (bot, account, message)
);
INSERT INTO "turns" VALUES('kbtool',1,11,7,101.0,'reply','above_threshold',0.8);
INSERT INTO "turns" VALUES('kbtool',1,31,8,91.0,'handoff','ai_unavailable',NULL);
CREATE TABLE usage (
	route VARCHAR(64) NOT NULL, 
	month VARCHAR(7) NOT NULL, 
	currency VARCHAR(8) NOT NULL, 
	answers INTEGER DEFAULT 0 NOT NULL, 
	tokens BIGINT DEFAULT 0 NOT NULL, 
	untold INTEGER DEFAULT 0 NOT NULL, 
	money FLOAT DEFAULT 0 NOT NULL, 
	PRIMARY KEY (route, month, currency)
);
INSERT INTO "usage" VALUES('website','2026-11','USD',412,8589934592,3,1.2345);
INSERT INTO "usage" VALUES('website','2026-11','',2,0,2,0.0);
CREATE INDEX deliveries_new ON deliveries (state, id);
CREATE INDEX trace_of ON trace (account, conversation, id);
CREATE INDEX conversations_due ON conversations (due_at);
CREATE INDEX messages_of ON messages (bot, account, conversation, id);
CREATE INDEX messages_waiting ON messages (bot, account, conversation, id) WHERE state = 'waiting';
CREATE INDEX alerts_of ON alerts ("key", at);
CREATE INDEX drafts_of ON drafts (account, conversation, message);
CREATE INDEX drafts_in ON drafts (state, at);
CREATE INDEX ratings_at ON ratings (at);
CREATE INDEX closings_at ON closings (at);
CREATE INDEX told_due ON told (state, due_at);
CREATE INDEX stream_waiting ON stream (state, id);
CREATE INDEX stream_of ON stream (account, conversation);
COMMIT;
PRAGMA user_version = 6;
