-- What is read off the events. The tables of 0001 are emptied into the event store at the first start (adopt-history.ts).
CREATE TABLE account_balances (
  generation BIGINT NOT NULL,
  account_id TEXT NOT NULL,
  currency_code TEXT NOT NULL,
  -- In decimals: what lies outside of the users' accounts may be beyond 64 bits.
  balance TEXT NOT NULL,
  version BIGINT NOT NULL,
  update_time BIGINT NOT NULL,
  PRIMARY KEY (generation, account_id)
);
CREATE TABLE account_statements (
  generation BIGINT NOT NULL,
  account_id TEXT NOT NULL,
  month TEXT NOT NULL,
  currency_code TEXT NOT NULL,
  opening_balance TEXT NOT NULL,
  deposited TEXT NOT NULL,
  withdrawn TEXT NOT NULL,
  closing_balance TEXT NOT NULL,
  event_count BIGINT NOT NULL,
  last_version BIGINT NOT NULL,
  PRIMARY KEY (generation, account_id, month)
);
CREATE TABLE payment_list (
  generation BIGINT NOT NULL,
  order_id TEXT NOT NULL,
  id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  currency_code TEXT NOT NULL,
  amount BIGINT NOT NULL,
  state TEXT NOT NULL,
  create_time BIGINT NOT NULL,
  update_time BIGINT NOT NULL,
  PRIMARY KEY (generation, order_id)
);
CREATE INDEX payment_list_by_id ON payment_list (generation, id);
