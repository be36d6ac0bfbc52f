CREATE TABLE items (
  sku TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  currency_code TEXT NOT NULL,
  unit_price BIGINT NOT NULL,
  on_hand BIGINT NOT NULL,
  reserved BIGINT NOT NULL,
  -- Counts every change: the etag.
  version BIGINT NOT NULL,
  -- Counts what is published under the sku; a change by a reservation is published under the order instead.
  event_version BIGINT NOT NULL,
  update_time BIGINT NOT NULL,
  CHECK (reserved >= 0 AND on_hand >= reserved)
);

CREATE TABLE stock_adjustments (
  sku TEXT NOT NULL,
  event_version BIGINT NOT NULL,
  delta BIGINT NOT NULL,
  reason TEXT NOT NULL,
  time BIGINT NOT NULL,
  PRIMARY KEY (sku, event_version)
);

-- Kept for good: a row says that its order has had its reservation, or may not have one any more.
CREATE TABLE reservations (
  order_id TEXT NOT NULL PRIMARY KEY,
  state TEXT NOT NULL,
  version BIGINT NOT NULL,
  create_time BIGINT NOT NULL,
  update_time BIGINT NOT NULL
);

CREATE TABLE reservation_items (
  order_id TEXT NOT NULL,
  position BIGINT NOT NULL,
  sku TEXT NOT NULL,
  quantity BIGINT NOT NULL,
  PRIMARY KEY (order_id, position)
);
