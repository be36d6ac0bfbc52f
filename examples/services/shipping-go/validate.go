package main

import (
	"fmt"
	"regexp"
	"unicode/utf8"

	commonv1 "github.com/ordermesh/ordermesh/gen/go/common/v1"
	shippingv1 "github.com/ordermesh/ordermesh/gen/go/shipping/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var (
	idPattern      = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$`)
	uuidPattern    = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	countryPattern = regexp.MustCompile(`^[A-Z]{2}$`)
)

// violations collects the invalid fields of a request, by the rules of the contract.
type violations []*errdetails.BadRequest_FieldViolation

func (v *violations) require(valid bool, field, description string) {
	if !valid {
		*v = append(*v, &errdetails.BadRequest_FieldViolation{Field: field, Description: description})
	}
}

func (v *violations) requireLength(text string, minimum, maximum int, field string) {
	length := utf8.RuneCountInString(text)
	v.require(length >= minimum && length <= maximum, field, fmt.Sprintf("must have %d to %d characters", minimum, maximum))
}

func (v *violations) requireIDs(orderID, requestID string) {
	v.require(idPattern.MatchString(orderID), "order_id", "must match "+idPattern.String())
	v.require(requestID == "" || uuidPattern.MatchString(requestID), "request_id", "must be a UUID")
}

func (v *violations) requireAddress(address *commonv1.Address) {
	if address == nil {
		v.require(false, "address", "is required")
		return
	}
	v.requireLength(address.Recipient, 1, 200, "address.recipient")
	v.require(len(address.Lines) >= 1 && len(address.Lines) <= 5, "address.lines", "must have 1 to 5 lines")
	for i, line := range address.Lines {
		v.requireLength(line, 1, 200, fmt.Sprintf("address.lines[%d]", i))
	}
	v.requireLength(address.City, 1, 100, "address.city")
	v.requireLength(address.PostalCode, 0, 20, "address.postal_code")
	v.require(countryPattern.MatchString(address.CountryCode), "address.country_code", "must match "+countryPattern.String())
}

// err returns INVALID_ARGUMENT with every invalid field, or nil.
func (v violations) err() error {
	if len(v) == 0 {
		return nil
	}
	s := status.Newf(codes.InvalidArgument, "invalid request: %s %s", v[0].Field, v[0].Description)
	return withDetails(s, &errdetails.ErrorInfo{Reason: "INVALID_FIELD", Domain: domain}, &errdetails.BadRequest{FieldViolations: v})
}

func validateIDs(orderID, requestID string) error {
	var found violations
	found.requireIDs(orderID, requestID)
	return found.err()
}

func validateCreate(req *shippingv1.CreateShipmentRequest) error {
	var found violations
	found.requireIDs(req.OrderId, req.RequestId)
	found.require(idPattern.MatchString(req.PaymentId), "payment_id", "must match "+idPattern.String())
	found.requireAddress(req.Address)
	return found.err()
}
