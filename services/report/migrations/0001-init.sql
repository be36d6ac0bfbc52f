-- What is read off the events; those are in the tables of mesh/event-store.
CREATE TABLE order_summaries (
  generation BIGINT NOT NULL,
  order_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  state TEXT NOT NULL,
  total BIGINT NOT NULL,
  currency_code TEXT NOT NULL,
  item_count BIGINT NOT NULL,
  create_time BIGINT NOT NULL,
  update_time BIGINT NOT NULL,
  version BIGINT NOT NULL,
  PRIMARY KEY (generation, order_id)
);
CREATE INDEX order_summaries_by_user ON order_summaries (generation, user_id, order_id);
-- The completed orders that are in best_sellers, so that none is counted twice.
CREATE TABLE counted_orders (
  generation BIGINT NOT NULL,
  order_id TEXT NOT NULL,
  version BIGINT NOT NULL,
  PRIMARY KEY (generation, order_id)
);
CREATE TABLE best_sellers (
  generation BIGINT NOT NULL,
  sku TEXT NOT NULL,
  currency_code TEXT NOT NULL,
  quantity BIGINT NOT NULL,
  order_count BIGINT NOT NULL,
  -- In decimals: it may be beyond 64 bits.
  revenue TEXT NOT NULL,
  PRIMARY KEY (generation, sku, currency_code)
);
CREATE INDEX best_sellers_by_rank ON best_sellers (generation, quantity DESC, sku, currency_code);
