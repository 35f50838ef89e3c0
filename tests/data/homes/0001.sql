BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE attempts (
	run_id TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	epoch INTEGER NOT NULL, 
	runner TEXT NOT NULL, 
	claimed_at BIGINT NOT NULL, 
	released_at BIGINT, 
	ended_as TEXT NOT NULL, 
	PRIMARY KEY (run_id, number), 
	FOREIGN KEY(run_id) REFERENCES runs (id)
)
 WITHOUT ROWID

;
CREATE TABLE calls (
	run_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	message_seq INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	args TEXT NOT NULL, 
	effect TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	state TEXT NOT NULL, 
	result TEXT, 
	provenance TEXT NOT NULL, 
	started_at BIGINT, 
	ended_at BIGINT, 
	PRIMARY KEY (run_id, id), 
	CONSTRAINT calls_effect_known CHECK (effect IN ('keyed', 'opaque', 'probe', 'pure')), 
	CONSTRAINT calls_state_known CHECK (state IN ('done', 'failed', 'planned', 'started', 'unknown', 'waiting')), 
	FOREIGN KEY(run_id) REFERENCES runs (id)
);
CREATE TABLE jobs (
	name TEXT NOT NULL, 
	state TEXT NOT NULL, 
	schedule TEXT NOT NULL, 
	zone TEXT NOT NULL, 
	enabled BOOLEAN NOT NULL, 
	one_shot BOOLEAN NOT NULL, 
	next_fire BIGINT, 
	first_loaded_at BIGINT NOT NULL, 
	problem TEXT NOT NULL, 
	paused_reason TEXT NOT NULL, 
	paused_at BIGINT, 
	failures INTEGER NOT NULL, 
	slots TEXT NOT NULL, 
	spec TEXT, 
	PRIMARY KEY (name), 
	CONSTRAINT jobs_state_known CHECK (state IN ('active', 'done', 'invalid', 'paused', 'removed'))
);
CREATE TABLE jumps (
	id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	"before" BIGINT NOT NULL, 
	at BIGINT NOT NULL, 
	size_us BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT jumps_kind_known CHECK (kind IN ('set_back', 'set_forward', 'suspended'))
);
CREATE TABLE messages (
	run_id TEXT NOT NULL, 
	seq INTEGER NOT NULL, 
	role TEXT NOT NULL, 
	content TEXT NOT NULL, 
	provenance TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	stop_reason TEXT, 
	PRIMARY KEY (run_id, seq), 
	CONSTRAINT messages_role_known CHECK (role IN ('assistant', 'user')), 
	FOREIGN KEY(run_id) REFERENCES runs (id)
);
CREATE TABLE meta (
	"key" TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
CREATE TABLE outbox (
	id INTEGER NOT NULL, 
	run_id TEXT NOT NULL, 
	job TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	target TEXT NOT NULL, 
	body TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	state TEXT NOT NULL, 
	due_at BIGINT NOT NULL, 
	tries INTEGER NOT NULL, 
	runner TEXT NOT NULL, 
	sent_at BIGINT, 
	error TEXT NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT outbox_state_known CHECK (state IN ('given_up', 'sent', 'taken', 'waiting')), 
	FOREIGN KEY(run_id) REFERENCES runs (id)
);
CREATE TABLE pins (
	run_id TEXT NOT NULL, 
	spec TEXT NOT NULL, 
	frame TEXT, 
	PRIMARY KEY (run_id), 
	FOREIGN KEY(run_id) REFERENCES runs (id)
);
CREATE TABLE requests (
	run_id TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	job TEXT NOT NULL, 
	attempt INTEGER NOT NULL, 
	model TEXT NOT NULL, 
	started_at BIGINT NOT NULL, 
	state TEXT NOT NULL, 
	ended_at BIGINT, 
	request_id TEXT, 
	stop_reason TEXT, 
	input_tokens BIGINT NOT NULL, 
	output_tokens BIGINT NOT NULL, 
	cache_read_tokens BIGINT NOT NULL, 
	cache_write_tokens BIGINT NOT NULL, 
	cost_microusd BIGINT, 
	cost_assumed BOOLEAN NOT NULL, 
	error TEXT NOT NULL, 
	covers INTEGER, 
	summary TEXT, 
	PRIMARY KEY (run_id, number), 
	CONSTRAINT requests_state_known CHECK (state IN ('answered', 'failed', 'lost', 'sent')), 
	FOREIGN KEY(run_id) REFERENCES runs (id)
)
 WITHOUT ROWID

;
CREATE TABLE runners (
	id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	host TEXT NOT NULL, 
	pid INTEGER NOT NULL, 
	started_at BIGINT NOT NULL, 
	seen_at BIGINT NOT NULL, 
	crontab TEXT NOT NULL, 
	lock_path TEXT NOT NULL, 
	stopped_at BIGINT, 
	PRIMARY KEY (id), 
	CONSTRAINT runners_kind_known CHECK (kind IN ('daemon', 'tick', 'wait'))
);
CREATE TABLE runs (
	id TEXT NOT NULL, 
	job TEXT NOT NULL, 
	state TEXT NOT NULL, 
	origin TEXT NOT NULL, 
	fire_time BIGINT NOT NULL, 
	created_at BIGINT NOT NULL, 
	"key" TEXT NOT NULL, 
	overlap TEXT NOT NULL, 
	serial BOOLEAN NOT NULL, 
	epoch INTEGER NOT NULL, 
	attempts INTEGER NOT NULL, 
	free_claim BOOLEAN NOT NULL, 
	runner TEXT NOT NULL, 
	lease_expires_at BIGINT, 
	not_before BIGINT, 
	started_at BIGINT, 
	ended_at BIGINT, 
	slept_since BIGINT, 
	wake_at BIGINT, 
	waiting_for TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	reason_code TEXT NOT NULL, 
	outcome TEXT, 
	summary TEXT NOT NULL, 
	missed INTEGER NOT NULL, 
	last_missed BIGINT, 
	cancel_requested BOOLEAN NOT NULL, 
	steps INTEGER NOT NULL, 
	claim_steps INTEGER NOT NULL, 
	resumed_epoch INTEGER NOT NULL, 
	last_seq INTEGER NOT NULL, 
	cost_microusd BIGINT NOT NULL, 
	unknown_cost_requests INTEGER NOT NULL, 
	woken TEXT, 
	PRIMARY KEY (id), 
	CONSTRAINT runs_origin_known CHECK (origin IN ('person', 'reboot', 'schedule')), 
	CONSTRAINT runs_overlap_known CHECK (overlap IN ('allow', 'queue', 'replace', 'skip')), 
	CONSTRAINT runs_running_is_leased CHECK (state <> 'running' OR lease_expires_at IS NOT NULL), 
	CONSTRAINT runs_state_known CHECK (state IN ('cancelled', 'failed', 'parked', 'queued', 'retrying', 'running', 'skipped', 'sleeping', 'succeeded'))
);
CREATE TABLE wakeups (
	id INTEGER NOT NULL, 
	run_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	due BIGINT NOT NULL, 
	state TEXT NOT NULL, 
	closed_at BIGINT, 
	PRIMARY KEY (id), 
	CONSTRAINT wakeups_kind_known CHECK (kind IN ('day', 'deadline', 'person', 'probe', 'retry', 'time')), 
	CONSTRAINT wakeups_state_known CHECK (state IN ('dropped', 'open', 'won')), 
	FOREIGN KEY(run_id) REFERENCES runs (id)
);
CREATE INDEX jobs_due ON jobs (next_fire) WHERE next_fire IS NOT NULL;
CREATE INDEX jumps_at ON jumps (at);
CREATE INDEX runs_ended ON runs (job, ended_at, id) WHERE ended_at IS NOT NULL;
CREATE INDEX runs_held ON runs (not_before) WHERE state = 'queued' AND not_before IS NOT NULL;
CREATE INDEX runs_job_state ON runs (job, state, fire_time, id);
CREATE UNIQUE INDEX runs_key ON runs (job, "key") WHERE key <> '';
CREATE INDEX runs_lease ON runs (lease_expires_at, job) WHERE state = 'running';
CREATE INDEX runs_queued ON runs (fire_time, id, job, overlap, serial, not_before) WHERE state = 'queued';
CREATE INDEX runs_recent ON runs (fire_time, id);
CREATE UNIQUE INDEX runs_slot ON runs (job, fire_time) WHERE origin <> 'person';
CREATE UNIQUE INDEX calls_place ON calls (run_id, message_seq, position);
CREATE INDEX outbox_due ON outbox (due_at, id) WHERE state IN ('taken', 'waiting');
CREATE INDEX outbox_run ON outbox (run_id);
CREATE INDEX outbox_unsent ON outbox (run_id) WHERE state = 'given_up';
CREATE INDEX requests_cost ON requests (job, ended_at) WHERE cost_microusd > 0;
CREATE INDEX wakeups_due ON wakeups (due, id) WHERE state = 'open';
CREATE INDEX wakeups_run ON wakeups (run_id, state);
COMMIT;
