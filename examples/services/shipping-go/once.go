package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"strings"
	"time"

	shippingv1 "github.com/ordermesh/ordermesh/gen/go/shipping/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// How long the response of a request id is kept. The contract promises at least 7 days.
const retention = 8 * 24 * time.Hour

// mutation is the request of a method that changes something.
type mutation interface {
	proto.Message
	GetRequestId() string
}

// once runs work in a transaction, and stores its shipment under the request id in the same transaction: a repeat
// returns what is stored. If work refuses, with a gRPC status, what it recorded is committed, but no response is stored:
// the next attempt is decided again. Any other error changes nothing, and the caller may try again.
func once(ctx context.Context, db *sql.DB, method string, req mutation, work func(*sql.Tx) (*shippingv1.Shipment, error)) (*shippingv1.Shipment, error) {
	if err := ctx.Err(); err != nil {
		return nil, status.FromContextError(err).Err()
	}
	// Without ctx: a transaction that has begun ends, even if its caller is gone.
	tx, err := db.Begin()
	if err != nil {
		return nil, unavailable(err)
	}
	defer tx.Rollback()
	if stored, err := findResponse(tx, method, req); stored != nil || err != nil {
		return stored, err
	}
	shipment, err := work(tx)
	refusal, isRefusal := status.FromError(err)
	if !isRefusal {
		return nil, unavailable(err)
	}
	if err == nil {
		if err := storeResponse(tx, method, req, shipment); err != nil {
			return nil, unavailable(err)
		}
	}
	// On the disk before the caller has the answer.
	if err := tx.Commit(); err != nil {
		return nil, unavailable(err)
	}
	return shipment, refusal.Err()
}

// findResponse returns the stored response of this request id, or nil. It refuses another payload.
func findResponse(tx *sql.Tx, method string, req mutation) (*shippingv1.Shipment, error) {
	if req.GetRequestId() == "" {
		return nil, nil
	}
	var storedHash, response string
	err := tx.QueryRow("SELECT request_hash, response FROM requests WHERE method = ? AND request_id = ?",
		method, requestID(req)).Scan(&storedHash, &response)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, unavailable(err)
	}
	if storedHash != hash(req) {
		return nil, refuse(codes.AlreadyExists, "REQUEST_ID_REUSED",
			"request_id %s was already used for a different %s: repeat that request unchanged or use a new id", req.GetRequestId(), method)
	}
	shipment := &shippingv1.Shipment{}
	if err := proto.Unmarshal([]byte(response), shipment); err != nil {
		return nil, unavailable(err)
	}
	return shipment, nil
}

func storeResponse(tx *sql.Tx, method string, req mutation, shipment *shippingv1.Shipment) error {
	if req.GetRequestId() == "" {
		return nil
	}
	response, err := proto.Marshal(shipment)
	if err != nil {
		return err
	}
	now := time.Now()
	if _, err := tx.Exec("DELETE FROM requests WHERE create_time < ?", now.Add(-retention).UnixMilli()); err != nil {
		return err
	}
	_, err = tx.Exec("INSERT INTO requests (method, request_id, request_hash, response, create_time) VALUES (?, ?, ?, ?, ?)",
		method, requestID(req), hash(req), string(response), now.UnixMilli())
	return err
}

// requestID is the same for a UUID in upper case.
func requestID(req mutation) string {
	return strings.ToLower(req.GetRequestId())
}

// hash is of everything but the request id.
func hash(req mutation) string {
	content := proto.Clone(req)
	message := content.ProtoReflect()
	message.Clear(message.Descriptor().Fields().ByName("request_id"))
	data, _ := proto.MarshalOptions{Deterministic: true}.Marshal(content)
	sum := sha256.Sum256(data)
	return string(sum[:])
}
