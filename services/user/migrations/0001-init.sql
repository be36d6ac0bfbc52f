CREATE TABLE users (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  email TEXT NOT NULL,
  role TEXT NOT NULL,
  version BIGINT NOT NULL,
  create_time BIGINT NOT NULL,
  update_time BIGINT NOT NULL
);

CREATE INDEX users_by_role ON users (role, id);

-- Who holds an e-mail address, in lower case. A table of its own, because a claim can then be tried with ON CONFLICT DO
-- NOTHING also when a user changes: a broken unique index would fail the statement, and on PostgreSQL the transaction.
CREATE TABLE user_emails (
  email_key TEXT NOT NULL PRIMARY KEY,
  user_id TEXT NOT NULL
);

-- The last version of ids that were deleted, so that an id that is used again goes on counting: its events keep their
-- order and an etag from before the deletion stays stale.
CREATE TABLE deleted_users (
  id TEXT NOT NULL PRIMARY KEY,
  version BIGINT NOT NULL
);
