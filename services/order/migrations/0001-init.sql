CREATE TABLE orders (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL,
  lines TEXT NOT NULL,
  currency_code TEXT NOT NULL,
  total BIGINT NOT NULL,
  state TEXT NOT NULL,
  failure_reason TEXT NOT NULL,
  failure_message TEXT NOT NULL,
  payment_id TEXT NOT NULL,
  shipment_id TEXT NOT NULL,
  shipping_address TEXT NOT NULL,
  version BIGINT NOT NULL,
  create_time BIGINT NOT NULL,
  update_time BIGINT NOT NULL
);
CREATE INDEX orders_by_user ON orders (user_id, id);
CREATE INDEX orders_by_state ON orders (state, id);
