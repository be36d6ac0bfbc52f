package main

import (
	"database/sql"
	"fmt"
	"net/url"

	_ "modernc.org/sqlite"
)

const schema = `
CREATE TABLE IF NOT EXISTS shipments (
  order_id TEXT PRIMARY KEY,
  data     BLOB NOT NULL -- shipping.v1.Shipment
);
CREATE TABLE IF NOT EXISTS requests (
  method       TEXT NOT NULL,
  request_id   TEXT NOT NULL,
  request_hash BLOB NOT NULL,
  response     BLOB NOT NULL,
  create_time  INTEGER NOT NULL, -- milliseconds
  PRIMARY KEY (method, request_id)
);
CREATE INDEX IF NOT EXISTS requests_by_time ON requests (create_time);`

// openDatabase opens the file, and creates it if it is missing. A commit returns when its data is on the disk.
func openDatabase(file string) (*sql.DB, error) {
	options := url.Values{
		"_pragma": {"journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(5000)"},
		"_txlock": {"immediate"},
	}
	db, err := sql.Open("sqlite", "file:"+file+"?"+options.Encode())
	if err != nil {
		return nil, err
	}
	// One transaction at a time: none fails because another one runs.
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(schema); err != nil {
		return nil, fmt.Errorf("open %s: %w", file, err)
	}
	return db, nil
}
