package main

import (
	"context"
	"errors"
	"fmt"

	"buf.build/go/protovalidate"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// validateRequest is an interceptor that refuses requests which break the rules in their contract.
func validateRequest(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	message, isMessage := req.(proto.Message)
	if !isMessage {
		return nil, status.Errorf(codes.Internal, "%T is not a message", req)
	}
	if err := validate(message); err != nil {
		return nil, err
	}
	return handler(ctx, req)
}

// validate returns INVALID_ARGUMENT with every invalid field, or nil.
func validate(message proto.Message) error {
	err := protovalidate.Validate(message)
	if err == nil {
		return nil
	}
	var invalid *protovalidate.ValidationError
	if !errors.As(err, &invalid) {
		// The rules themselves cannot be evaluated.
		return status.Error(codes.Internal, err.Error())
	}
	details := &errdetails.BadRequest{}
	for _, violation := range invalid.Violations {
		details.FieldViolations = append(details.FieldViolations, &errdetails.BadRequest_FieldViolation{
			Field:       protovalidate.FieldPathString(violation.Proto.GetField()),
			Description: violation.Proto.GetMessage(),
		})
	}
	first := details.FieldViolations[0]
	s := status.New(codes.InvalidArgument, fmt.Sprintf("invalid request: %s %s", first.Field, first.Description))
	return withDetails(s, &errdetails.ErrorInfo{Reason: "INVALID_FIELD", Domain: domain}, details)
}
