CREATE TABLE accounts (
  id TEXT PRIMARY KEY,
  currency_code TEXT NOT NULL,
  balance BIGINT NOT NULL CHECK (balance >= 0),
  version BIGINT NOT NULL,
  create_time BIGINT NOT NULL,
  update_time BIGINT NOT NULL
);
CREATE TABLE account_events (
  account_id TEXT NOT NULL,
  version BIGINT NOT NULL,
  type TEXT NOT NULL,
  amount BIGINT NOT NULL,
  previous_balance BIGINT NOT NULL,
  new_balance BIGINT NOT NULL,
  currency_code TEXT NOT NULL,
  reference TEXT NOT NULL,
  correlation_id TEXT NOT NULL,
  event_time BIGINT NOT NULL,
  PRIMARY KEY (account_id, version)
);
CREATE INDEX account_events_by_time ON account_events (account_id, event_time, version);
CREATE TABLE payments (
  order_id TEXT PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  user_id TEXT NOT NULL,
  currency_code TEXT NOT NULL,
  amount BIGINT NOT NULL,
  state TEXT NOT NULL,
  create_time BIGINT NOT NULL,
  update_time BIGINT NOT NULL
);
