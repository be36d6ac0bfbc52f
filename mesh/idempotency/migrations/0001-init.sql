CREATE TABLE handled_request (
  method TEXT NOT NULL,
  request_id TEXT NOT NULL,
  fingerprint BYTEA NOT NULL,
  response BYTEA,
  create_time BIGINT NOT NULL,
  PRIMARY KEY (method, request_id)
);

CREATE INDEX handled_request_by_time ON handled_request (create_time);
