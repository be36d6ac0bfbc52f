CREATE TABLE gift_list (
  generation BIGINT NOT NULL,
  id TEXT NOT NULL,
  sender_id TEXT NOT NULL,
  sku TEXT NOT NULL,
  currency_code TEXT NOT NULL,
  price BIGINT NOT NULL,
  greeting TEXT NOT NULL,
  state TEXT NOT NULL,
  PRIMARY KEY (generation, id)
);
CREATE INDEX gift_list_sender ON gift_list (generation, sender_id, id);

CREATE TABLE cards (
  gift_id TEXT NOT NULL PRIMARY KEY,
  text TEXT NOT NULL
);
