CREATE TABLE books (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  version BIGINT NOT NULL,
  create_time BIGINT NOT NULL,
  update_time BIGINT NOT NULL
);
