-- A store as the first release of the bridge left it.
BEGIN TRANSACTION;
CREATE TABLE conversations (
	bot VARCHAR(64) NOT NULL, 
	account BIGINT NOT NULL, 
	id BIGINT NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	status_at FLOAT NOT NULL, 
	has_person BOOLEAN NOT NULL, 
	ended_at FLOAT NOT NULL, 
	returned_at FLOAT NOT NULL, 
	person_at FLOAT NOT NULL, 
	episode_at FLOAT NOT NULL, 
	dify_conversation VARCHAR(64) NOT NULL, 
	was_clarified BOOLEAN NOT NULL, 
	language VARCHAR(32) NOT NULL, 
	leased_until FLOAT NOT NULL, 
	PRIMARY KEY (bot, account, id)
);
INSERT INTO "conversations" VALUES('kbtool',1,8,'open',90.0,0,0.0,0.0,0.0,0.0,'',0,'',0.0);
INSERT INTO "conversations" VALUES('kbtool',1,7,'pending',111.0,0,50.0,60.0,40.0,60.0,'c-1',0,'de',0.0);
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
INSERT INTO "deliveries" VALUES(1,'kbtool','d-1',100.0,'sorted',NULL);
INSERT INTO "deliveries" VALUES(2,'kbtool','d-2',101.0,'new',X'7B7D');
CREATE TABLE messages (
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
	attempts INTEGER NOT NULL, 
	due_at FLOAT NOT NULL, 
	PRIMARY KEY (bot, account, id)
);
INSERT INTO "messages" VALUES('kbtool',1,11,7,100.0,'customer','asks','How long may I wait?','[]',3,'','done',0,0.0);
INSERT INTO "messages" VALUES('kbtool',1,12,7,110.0,'customer','asks','And by post?','[]',3,'','waiting',2,170.0);
INSERT INTO "messages" VALUES('kbtool',1,13,7,111.0,'customer','asks','Hello?','[]',3,'','waiting',0,0.0);
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
CREATE INDEX deliveries_new ON deliveries (state, id);
CREATE INDEX messages_of ON messages (bot, account, conversation, id);
CREATE INDEX messages_waiting ON messages (state, due_at);
CREATE INDEX trace_of ON trace (account, conversation, id);
COMMIT;
PRAGMA user_version = 1;
