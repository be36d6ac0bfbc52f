package main

import (
	"errors"
	"log"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// domain says who gives the reasons.
const domain = "shipping-go"

// refuse returns a definite answer: a saga undoes its order. The reason is for programs, the text for people.
func refuse(code codes.Code, reason, format string, args ...any) error {
	return withDetails(status.Newf(code, format, args...), &errdetails.ErrorInfo{Reason: reason, Domain: domain})
}

// unavailable hides an error of the database and asks for another attempt. It keeps nil. A broken constraint is a bug,
// which comes again at every attempt, so it is INTERNAL.
func unavailable(err error) error {
	if err == nil {
		return nil
	}
	log.Printf("database: %v", err)
	var failure *sqlite.Error
	if errors.As(err, &failure) && failure.Code()&0xff == sqlite3.SQLITE_CONSTRAINT {
		return withDetails(status.New(codes.Internal, "unexpected error: see the log of this service"),
			&errdetails.ErrorInfo{Reason: "INTERNAL", Domain: domain})
	}
	return withDetails(status.New(codes.Unavailable, "database failed: call again with the same request_id"),
		&errdetails.ErrorInfo{Reason: "STORAGE_UNAVAILABLE", Domain: domain})
}

func withDetails(s *status.Status, details ...protoadapt.MessageV1) error {
	detailed, err := s.WithDetails(details...)
	if err != nil {
		return s.Err()
	}
	return detailed.Err()
}
