-- A store of version 6. Never change it.
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.alerts (
    id bigint NOT NULL,
    at double precision NOT NULL,
    key character varying(128) NOT NULL,
    level character varying(16) NOT NULL,
    subject text NOT NULL,
    lines json NOT NULL,
    details json NOT NULL
);
CREATE SEQUENCE public.alerts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.alerts_id_seq OWNED BY public.alerts.id;
CREATE TABLE public.closings (
    bot character varying(64) NOT NULL,
    account bigint NOT NULL,
    conversation bigint NOT NULL,
    at double precision NOT NULL
);
CREATE TABLE public.conversations (
    bot character varying(64) NOT NULL,
    account bigint NOT NULL,
    id bigint NOT NULL,
    status character varying(16) NOT NULL,
    status_at double precision NOT NULL,
    has_person boolean NOT NULL,
    ended_at double precision NOT NULL,
    person_at double precision NOT NULL,
    episode_at double precision NOT NULL,
    dify_conversation character varying(64) NOT NULL,
    was_clarified boolean NOT NULL,
    language character varying(32) NOT NULL,
    left_at double precision DEFAULT 0 NOT NULL,
    captain_at double precision DEFAULT 0 NOT NULL,
    has_rival boolean DEFAULT false NOT NULL,
    channel character varying(64) DEFAULT ''::character varying NOT NULL,
    inbox bigint DEFAULT 0 NOT NULL,
    labels json DEFAULT '[]'::json NOT NULL,
    due_at double precision,
    attempts integer DEFAULT 0 NOT NULL,
    owner character varying(36) DEFAULT ''::character varying NOT NULL
);
CREATE TABLE public.deliveries (
    id bigint NOT NULL,
    bot character varying(64) NOT NULL,
    delivery character varying(128) NOT NULL,
    at double precision NOT NULL,
    state character varying(16) NOT NULL,
    body bytea
);
CREATE SEQUENCE public.deliveries_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.deliveries_id_seq OWNED BY public.deliveries.id;
CREATE TABLE public.drafts (
    bot character varying(64) NOT NULL,
    account bigint NOT NULL,
    message bigint NOT NULL,
    conversation bigint NOT NULL,
    at double precision NOT NULL,
    asked text NOT NULL,
    text text NOT NULL,
    action character varying(16) NOT NULL,
    reason character varying(32) NOT NULL,
    score double precision,
    threshold double precision,
    sources json NOT NULL,
    state character varying(16) NOT NULL,
    sent text DEFAULT ''::text NOT NULL,
    distance integer,
    why character varying(200) DEFAULT ''::character varying NOT NULL,
    agent bigint DEFAULT 0 NOT NULL,
    posted bigint,
    decided_at double precision
);
CREATE TABLE public.handled (
    kind character varying(16) NOT NULL,
    account bigint NOT NULL,
    message bigint NOT NULL,
    at double precision NOT NULL,
    by character varying(16) NOT NULL
);
CREATE TABLE public.messages (
    bot character varying(64) NOT NULL,
    account bigint NOT NULL,
    id bigint NOT NULL,
    conversation bigint NOT NULL,
    at double precision NOT NULL,
    role character varying(16) NOT NULL,
    verdict character varying(32) NOT NULL,
    text text NOT NULL,
    attachments json NOT NULL,
    contact bigint NOT NULL,
    mark character varying(200) NOT NULL,
    state character varying(16) NOT NULL,
    received_at double precision DEFAULT 0 NOT NULL,
    turn bigint
);
CREATE TABLE public.posts (
    bot character varying(64) NOT NULL,
    account bigint NOT NULL,
    message bigint NOT NULL,
    number integer NOT NULL,
    kind character varying(16) NOT NULL,
    text text NOT NULL,
    state character varying(16) NOT NULL,
    begun_at double precision NOT NULL,
    posted bigint
);
CREATE TABLE public.ratings (
    bot character varying(64) NOT NULL,
    account bigint NOT NULL,
    message bigint NOT NULL,
    conversation bigint NOT NULL,
    at double precision NOT NULL,
    rating integer NOT NULL,
    words text NOT NULL
);
CREATE TABLE public.replicas (
    id character varying(36) NOT NULL,
    seen_at double precision NOT NULL
);
CREATE TABLE public.sessions (
    id character varying(64) NOT NULL,
    agent bigint NOT NULL,
    name character varying(200) NOT NULL,
    token bytea NOT NULL,
    ends_at double precision NOT NULL
);
CREATE TABLE public.stream (
    id bigint NOT NULL,
    event character varying(32) NOT NULL,
    at double precision NOT NULL,
    kind character varying(16) NOT NULL,
    bot character varying(64) NOT NULL,
    account bigint NOT NULL,
    conversation bigint NOT NULL,
    body json NOT NULL,
    state character varying(16) NOT NULL,
    attempts integer NOT NULL,
    due_at double precision NOT NULL
);
CREATE SEQUENCE public.stream_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.stream_id_seq OWNED BY public.stream.id;
CREATE TABLE public.told (
    channel character varying(16) NOT NULL,
    alert bigint NOT NULL,
    state character varying(16) NOT NULL,
    attempts integer NOT NULL,
    due_at double precision NOT NULL
);
CREATE TABLE public.trace (
    id bigint NOT NULL,
    bot character varying(64) NOT NULL,
    account bigint NOT NULL,
    conversation bigint NOT NULL,
    message bigint,
    at double precision NOT NULL,
    step character varying(16) NOT NULL,
    text text NOT NULL,
    detail json NOT NULL
);
CREATE SEQUENCE public.trace_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.trace_id_seq OWNED BY public.trace.id;
CREATE TABLE public.turns (
    bot character varying(64) NOT NULL,
    account bigint NOT NULL,
    message bigint NOT NULL,
    conversation bigint NOT NULL,
    at double precision NOT NULL,
    action character varying(16) NOT NULL,
    reason character varying(32) NOT NULL,
    score double precision
);
CREATE TABLE public.usage (
    route character varying(64) NOT NULL,
    month character varying(7) NOT NULL,
    currency character varying(8) NOT NULL,
    answers integer DEFAULT 0 NOT NULL,
    tokens bigint DEFAULT 0 NOT NULL,
    untold integer DEFAULT 0 NOT NULL,
    money double precision DEFAULT 0 NOT NULL
);
ALTER TABLE ONLY public.alerts ALTER COLUMN id SET DEFAULT nextval('public.alerts_id_seq'::regclass);
ALTER TABLE ONLY public.deliveries ALTER COLUMN id SET DEFAULT nextval('public.deliveries_id_seq'::regclass);
ALTER TABLE ONLY public.stream ALTER COLUMN id SET DEFAULT nextval('public.stream_id_seq'::regclass);
ALTER TABLE ONLY public.trace ALTER COLUMN id SET DEFAULT nextval('public.trace_id_seq'::regclass);
INSERT INTO public.alembic_version VALUES ('6');
INSERT INTO public.alerts VALUES (1, 120, 'dify_down', 'critical', 'Dify does not answer', '["since 12:00", "\u770b\u770b"]', '{"status": 503}');
INSERT INTO public.closings VALUES ('kbtool', 1, 8, 140);
INSERT INTO public.closings VALUES ('kbtool', 1, 8, 150.5);
INSERT INTO public.conversations VALUES ('kbtool', 1, 7, 'pending', 111, false, 50, 40, 60, 'c-1', false, 'de', 60, 0, false, 'Channel::WebWidget', 4, '["vip", "\u9000\u6b3e"]', 0, 2, '');
INSERT INTO public.conversations VALUES ('kbtool', 1, 8, 'open', 90, true, 0, 95, 0, '', true, '', 0, 0, true, 'Channel::Email', 5, '[]', NULL, 0, '');
INSERT INTO public.deliveries VALUES (1, 'kbtool', '0b0c7f6e-1', 100, 'sorted', NULL);
INSERT INTO public.deliveries VALUES (2, 'kbtool', '0b0c7f6e-2', 101.5, 'new', '\x7b226576656e74223a226d6573736167655f63726561746564227d');
INSERT INTO public.deliveries VALUES (3, 'shop-zh', '字-é', 1764165600.123, 'dead', '\xff00fe');
INSERT INTO public.drafts VALUES ('kbtool', 1, 12, 7, 112, 'And by post?', 'Send it to …', 'reply', 'above_threshold', 0.71, 0.5, '[{"title": "Returns", "section": "Packing"}]', 'open', '', NULL, '', 0, NULL, NULL);
INSERT INTO public.drafts VALUES ('kbtool', 1, 11, 7, 101, 'How long may I wait?', '30 days.', 'reply', 'above_threshold', 0.8, 0.5, '[]', 'sent', '30 days!', 1, '', 9, 21, 104);
INSERT INTO public.handled VALUES ('gap', 1, 31, 160, 'stub');
INSERT INTO public.messages VALUES ('kbtool', 1, 11, 7, 100, 'customer', 'asks', 'How long may I wait?', '[]', 3, '', 'done', 100.4, 11);
INSERT INTO public.messages VALUES ('kbtool', 1, 12, 7, 110, 'customer', 'asks', 'And by post?', '[]', 3, '', 'waiting', 110.3, NULL);
INSERT INTO public.messages VALUES ('kbtool', 1, 13, 7, 111, 'customer', 'asks', 'Hello?', '[]', 3, '', 'waiting', 111.2, NULL);
INSERT INTO public.messages VALUES ('kbtool', 1, 21, 7, 102, 'bot', 'own', '30 days.', '[]', 0, 'kbtool:1:11:0', '', 102.1, NULL);
INSERT INTO public.messages VALUES ('kbtool', 1, 31, 8, 90, 'customer', 'asks', '水壶漏水 🫖 ''drop	table''; --
line two', '[{"file_type": "image", "data_url": "https://chat.example.com/a.png"}]', 1099511627776, '', 'dead', 90.1, 31);
INSERT INTO public.posts VALUES ('kbtool', 1, 11, 0, 'reply', '30 days.', 'sent', 101, 21);
INSERT INTO public.posts VALUES ('kbtool', 1, 31, 0, 'handoff', 'Ich hole jemanden.', 'planned', 0, NULL);
INSERT INTO public.posts VALUES ('kbtool', 1, 31, 1, 'note', 'Dify: 503', 'planned', 0, NULL);
INSERT INTO public.ratings VALUES ('kbtool', 1, 40, 8, 130, 2, 'too slow, 太慢');
INSERT INTO public.replicas VALUES ('6a6f6869-0000-4000-8000-000000000001', 111);
INSERT INTO public.sessions VALUES ('9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08', 9, 'Zoë 李', '\x00ff10', 5000);
INSERT INTO public.stream VALUES (1, 'a1b2c3d4e5f60718293a4b5c6d7e8f90', 101, 'handoff', 'kbtool', 1, 8, '{"specversion": "1.0", "type": "kbtool.handoff", "data": {"account": 1, "conversation": 8, "message": 31, "score": null, "why": "\u6c34\u58f6"}}', 'sent', 1, 0);
INSERT INTO public.stream VALUES (2, 'a1b2c3d4e5f60718293a4b5c6d7e8f91', 130, 'csat', 'kbtool', 1, 7, '{"specversion": "1.0", "type": "kbtool.csat", "data": {"rating": 2, "comment": "\u592a\u6162"}}', 'waiting', 4, 160);
INSERT INTO public.told VALUES ('slack', 1, 'sent', 1, 0);
INSERT INTO public.told VALUES ('email', 1, 'waiting', 3, 180);
INSERT INTO public.trace VALUES (1, 'kbtool', 1, 7, 11, 101, 'post', 'reply posted', '{}');
INSERT INTO public.trace VALUES (2, 'kbtool', 1, 8, NULL, 95, 'status', 'open', '{"by": {"agent": 9}}');
INSERT INTO public.turns VALUES ('kbtool', 1, 11, 7, 101, 'reply', 'above_threshold', 0.8);
INSERT INTO public.turns VALUES ('kbtool', 1, 31, 8, 91, 'handoff', 'ai_unavailable', NULL);
INSERT INTO public.usage VALUES ('website', '2026-11', 'USD', 412, 8589934592, 3, 1.2345);
INSERT INTO public.usage VALUES ('website', '2026-11', '', 2, 0, 2, 0);
SELECT pg_catalog.setval('public.alerts_id_seq', 1, true);
SELECT pg_catalog.setval('public.deliveries_id_seq', 3, true);
SELECT pg_catalog.setval('public.stream_id_seq', 2, true);
SELECT pg_catalog.setval('public.trace_id_seq', 2, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.alerts
    ADD CONSTRAINT alerts_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.closings
    ADD CONSTRAINT closings_pkey PRIMARY KEY (bot, account, conversation, at);
ALTER TABLE ONLY public.conversations
    ADD CONSTRAINT conversations_pkey PRIMARY KEY (bot, account, id);
ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_bot_delivery_key UNIQUE (bot, delivery);
ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.drafts
    ADD CONSTRAINT drafts_pkey PRIMARY KEY (bot, account, message);
ALTER TABLE ONLY public.handled
    ADD CONSTRAINT handled_pkey PRIMARY KEY (kind, account, message);
ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_pkey PRIMARY KEY (bot, account, id);
ALTER TABLE ONLY public.posts
    ADD CONSTRAINT posts_pkey PRIMARY KEY (bot, account, message, number);
ALTER TABLE ONLY public.ratings
    ADD CONSTRAINT ratings_pkey PRIMARY KEY (bot, account, message);
ALTER TABLE ONLY public.replicas
    ADD CONSTRAINT replicas_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.stream
    ADD CONSTRAINT stream_event_key UNIQUE (event);
ALTER TABLE ONLY public.stream
    ADD CONSTRAINT stream_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.told
    ADD CONSTRAINT told_pkey PRIMARY KEY (channel, alert);
ALTER TABLE ONLY public.trace
    ADD CONSTRAINT trace_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.turns
    ADD CONSTRAINT turns_pkey PRIMARY KEY (bot, account, message);
ALTER TABLE ONLY public.usage
    ADD CONSTRAINT usage_pkey PRIMARY KEY (route, month, currency);
CREATE INDEX alerts_of ON public.alerts USING btree (key, at);
CREATE INDEX closings_at ON public.closings USING btree (at);
CREATE INDEX conversations_due ON public.conversations USING btree (due_at);
CREATE INDEX deliveries_new ON public.deliveries USING btree (state, id);
CREATE INDEX drafts_in ON public.drafts USING btree (state, at);
CREATE INDEX drafts_of ON public.drafts USING btree (account, conversation, message);
CREATE INDEX messages_of ON public.messages USING btree (bot, account, conversation, id);
CREATE INDEX messages_waiting ON public.messages USING btree (bot, account, conversation, id) WHERE ((state)::text = 'waiting'::text);
CREATE INDEX ratings_at ON public.ratings USING btree (at);
CREATE INDEX stream_of ON public.stream USING btree (account, conversation);
CREATE INDEX stream_waiting ON public.stream USING btree (state, id);
CREATE INDEX told_due ON public.told USING btree (state, due_at);
CREATE INDEX trace_of ON public.trace USING btree (account, conversation, id);
