package main

import (
	"database/sql"
	"fmt"
	"log"
	"net/url"
	"time"

	orderv1 "github.com/ordermesh/ordermesh/gen/go/order/v1"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/encoding/protojson"
	_ "modernc.org/sqlite"
)

const schema = `
CREATE TABLE IF NOT EXISTS spending (
  user_id       TEXT NOT NULL,
  currency_code TEXT NOT NULL,
  orders        INTEGER NOT NULL,
  minor_units   INTEGER NOT NULL,
  PRIMARY KEY (user_id, currency_code)
);
CREATE TABLE IF NOT EXISTS order_history (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  order_id TEXT NOT NULL,
  version  INTEGER NOT NULL,
  type     TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS handled_events (
  source      TEXT NOT NULL,
  id          TEXT NOT NULL,
  handle_time INTEGER NOT NULL, -- milliseconds
  PRIMARY KEY (source, id)
);
CREATE INDEX IF NOT EXISTS handled_events_by_time ON handled_events (handle_time);
CREATE TABLE IF NOT EXISTS unreadable_events (
  source TEXT NOT NULL,
  id     TEXT NOT NULL,
  value  BLOB NOT NULL,
  error  TEXT NOT NULL
);`

// How long a handled event is remembered. Longer than the topic keeps events: it is not delivered again after that.
const retention = 30 * 24 * time.Hour

type store struct {
	*sql.DB
}

// openStore opens the file, and creates it if it is missing. A commit returns when its data is on the disk.
func openStore(file string) (*store, error) {
	options := url.Values{
		"_pragma": {"journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(1000)"},
		"_txlock": {"immediate"},
	}
	db, err := sql.Open("sqlite", "file:"+file+"?"+options.Encode())
	if err != nil {
		return nil, err
	}
	if _, err := db.Exec(schema); err != nil {
		return nil, err
	}
	return &store{db}, nil
}

// handle applies an event and remembers it, in one transaction. An event that was handled before changes nothing.
func (s *store) handle(record *kgo.Record) error {
	tx, err := s.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	source, id := identity(record)
	now := time.Now()
	if _, err := tx.Exec("DELETE FROM handled_events WHERE handle_time < ?", now.Add(-retention).UnixMilli()); err != nil {
		return err
	}
	added, err := tx.Exec("INSERT INTO handled_events (source, id, handle_time) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
		source, id, now.UnixMilli())
	if err != nil {
		return err
	}
	if count, err := added.RowsAffected(); count == 0 || err != nil {
		return err
	}
	event := &orderv1.OrderEvent{}
	// Producers may add fields.
	unreadable := protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(record.Value, event)
	if unreadable != nil {
		// Another attempt would not help, and would hold back the events after it.
		_, err = tx.Exec("INSERT INTO unreadable_events (source, id, value, error) VALUES (?, ?, ?, ?)",
			source, id, record.Value, unreadable.Error())
	} else {
		err = apply(tx, event)
	}
	if err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	if unreadable != nil {
		log.Printf("event %s of %s is in unreadable_events: %v", id, source, unreadable)
	}
	return nil
}

// apply is what this program is for: replace it with your own effect, in the same transaction.
func apply(tx *sql.Tx, event *orderv1.OrderEvent) error {
	_, err := tx.Exec("INSERT INTO order_history (order_id, version, type) VALUES (?, ?, ?)",
		event.OrderId, event.Version, event.Type)
	if err != nil || event.Type != "ORDER_COMPLETED" {
		return err
	}
	_, err = tx.Exec(`INSERT INTO spending (user_id, currency_code, orders, minor_units) VALUES (?, ?, 1, ?)
		ON CONFLICT DO UPDATE SET orders = orders + 1, minor_units = minor_units + excluded.minor_units`,
		event.UserId, event.Total.GetCurrencyCode(), event.Total.GetMinorUnits())
	return err
}

// identity returns what is the same at every delivery of an event. One without an id, of a producer that sets no
// CloudEvents headers, is known by its place.
func identity(record *kgo.Record) (source, id string) {
	for _, header := range record.Headers {
		switch header.Key {
		case "ce_source":
			source = string(header.Value)
		case "ce_id":
			id = string(header.Value)
		}
	}
	if id == "" {
		id = fmt.Sprintf("%s/%d/%d", record.Topic, record.Partition, record.Offset)
	}
	return source, id
}
