package main

import (
	"crypto/rand"
	"database/sql"

	"github.com/google/uuid"
	shippingv1 "github.com/ordermesh/ordermesh/gen/go/shipping/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// newShipment asks the carrier: booked, or refused for good.
func newShipment(req *shippingv1.CreateShipmentRequest) *shippingv1.Shipment {
	shipment := emptyShipment(req.OrderId)
	shipment.PaymentId, shipment.Address = req.PaymentId, req.Address
	if undeliverable[req.Address.CountryCode] {
		shipment.State = shippingv1.ShipmentState_SHIPMENT_STATE_REFUSED
		return shipment
	}
	shipment.State = shippingv1.ShipmentState_SHIPMENT_STATE_BOOKED
	shipment.Carrier, shipment.TrackingNumber = "go-post", rand.Text()
	return shipment
}

// cancelledBeforehand records a cancellation that came before the shipment.
func cancelledBeforehand(orderID string) *shippingv1.Shipment {
	shipment := emptyShipment(orderID)
	shipment.State = shippingv1.ShipmentState_SHIPMENT_STATE_CANCELLED
	return shipment
}

func emptyShipment(orderID string) *shippingv1.Shipment {
	now := timestamppb.Now()
	return &shippingv1.Shipment{Id: uuid.Must(uuid.NewV7()).String(), OrderId: orderID, CreateTime: now, UpdateTime: now}
}

// querier is a database or a transaction.
type querier interface {
	QueryRow(query string, args ...any) *sql.Row
}

// findShipment returns the shipment of an order, or sql.ErrNoRows.
func findShipment(db querier, orderID string) (*shippingv1.Shipment, error) {
	var data []byte
	if err := db.QueryRow("SELECT data FROM shipments WHERE order_id = ?", orderID).Scan(&data); err != nil {
		return nil, err
	}
	shipment := &shippingv1.Shipment{}
	return shipment, proto.Unmarshal(data, shipment)
}

func insertShipment(tx *sql.Tx, shipment *shippingv1.Shipment) error {
	data, err := proto.Marshal(shipment)
	if err != nil {
		return err
	}
	_, err = tx.Exec("INSERT INTO shipments (order_id, data) VALUES (?, ?)", shipment.OrderId, data)
	return err
}

func cancelShipment(tx *sql.Tx, shipment *shippingv1.Shipment) (*shippingv1.Shipment, error) {
	shipment.State = shippingv1.ShipmentState_SHIPMENT_STATE_CANCELLED
	shipment.UpdateTime = timestamppb.Now()
	data, err := proto.Marshal(shipment)
	if err != nil {
		return nil, err
	}
	_, err = tx.Exec("UPDATE shipments SET data = ? WHERE order_id = ?", data, shipment.OrderId)
	return shipment, err
}
