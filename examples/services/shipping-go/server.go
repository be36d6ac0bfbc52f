package main

import (
	"context"
	"database/sql"
	"errors"

	shippingv1 "github.com/ordermesh/ordermesh/gen/go/shipping/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

// Countries that are not delivered to. A real service asks its carrier.
var undeliverable = map[string]bool{"AQ": true, "BV": true, "HM": true}

type shippingServer struct {
	shippingv1.UnimplementedShippingServiceServer
	db *sql.DB
}

// CreateShipment books the shipment of an order, once. Its record decides what a later call gets, whatever its request
// id: the same shipment, or a refusal if the order has another one, was refused or was cancelled.
func (s *shippingServer) CreateShipment(ctx context.Context, req *shippingv1.CreateShipmentRequest) (*shippingv1.Shipment, error) {
	return once(ctx, s.db, shippingv1.ShippingService_CreateShipment_FullMethodName, req, func(tx *sql.Tx) (*shippingv1.Shipment, error) {
		shipment, err := findShipment(tx, req.OrderId)
		if errors.Is(err, sql.ErrNoRows) {
			shipment = newShipment(req)
			err = insertShipment(tx, shipment)
		}
		if err != nil {
			return nil, err
		}
		switch {
		case shipment.State == shippingv1.ShipmentState_SHIPMENT_STATE_CANCELLED:
			return nil, refuse(codes.FailedPrecondition, "SHIPMENT_CANCELLED",
				"shipment of order %s was cancelled, and an order has only one: place another order", req.OrderId)
		case shipment.PaymentId != req.PaymentId || !proto.Equal(shipment.Address, req.Address):
			return nil, refuse(codes.AlreadyExists, "SHIPMENT_EXISTS",
				"order %s was already shipped with another payment or to another address: repeat that request or place another order", req.OrderId)
		case shipment.State == shippingv1.ShipmentState_SHIPMENT_STATE_REFUSED:
			return nil, refuse(codes.FailedPrecondition, "CARRIER_REFUSED",
				"carrier refused order %s (no delivery to %s): place another order to another address", req.OrderId, req.Address.CountryCode)
		}
		return shipment, nil
	})
}

// CancelShipment cancels the shipment of an order. An order without a shipment gets a cancelled one, so a CreateShipment
// that arrives late is refused. It never fails because of what was or was not done before.
func (s *shippingServer) CancelShipment(ctx context.Context, req *shippingv1.CancelShipmentRequest) (*shippingv1.Shipment, error) {
	return once(ctx, s.db, shippingv1.ShippingService_CancelShipment_FullMethodName, req, func(tx *sql.Tx) (*shippingv1.Shipment, error) {
		shipment, err := findShipment(tx, req.OrderId)
		if errors.Is(err, sql.ErrNoRows) {
			shipment = cancelledBeforehand(req.OrderId)
			return shipment, insertShipment(tx, shipment)
		}
		if err != nil || shipment.State != shippingv1.ShipmentState_SHIPMENT_STATE_BOOKED {
			return shipment, err
		}
		return cancelShipment(tx, shipment)
	})
}

// GetShipment returns the shipment of an order.
func (s *shippingServer) GetShipment(ctx context.Context, req *shippingv1.GetShipmentRequest) (*shippingv1.Shipment, error) {
	shipment, err := findShipment(s.db, req.OrderId)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, refuse(codes.NotFound, "SHIPMENT_NOT_FOUND", "order %s has no shipment: create it first", req.OrderId)
	case err != nil:
		return nil, unavailable(err)
	}
	return shipment, nil
}
