// Package calls reads the details of errors and resumes listings. It depends on no generated code: import it or copy it.
package calls

import (
	"context"
	"errors"
	"io"
	"iter"
	"math/rand/v2"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Details is what ordermesh sends with an error.
type Details struct {
	Code codes.Code
	Text string
	// Reason is stable, for example USER_NOT_FOUND. It is empty if the error is not from ordermesh but, for example,
	// from a proxy.
	Reason string
	// Metadata has the facts of the reason, such as the id of the user.
	Metadata map[string]string
	// Violations has an entry for each invalid field of the request.
	Violations []Violation
	// RetryAfter is the time to wait before the next attempt. Zero: the server named none.
	RetryAfter time.Duration
}

// Violation is a rule that a field of the request violates.
type Violation struct {
	Field       string
	Description string
}

// DetailsOf returns the details of an error that a call returned.
func DetailsOf(err error) Details {
	s := status.Convert(err)
	details := Details{Code: s.Code(), Text: s.Message()}
	for _, detail := range s.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			details.Reason, details.Metadata = detail.Reason, detail.Metadata
		case *errdetails.BadRequest:
			for _, v := range detail.FieldViolations {
				details.Violations = append(details.Violations, Violation{v.Field, v.Description})
			}
		case *errdetails.RetryInfo:
			details.RetryAfter = detail.RetryDelay.AsDuration()
		}
	}
	return details
}

const (
	maxAttempts = 5
	firstDelay  = 100 * time.Millisecond
	maxDelay    = 2 * time.Second
)

// ResumeListing yields all resources of a listing. If the stream is cut, it opens the listing again after the last
// resource received, and gives up after five attempts in a row that yielded none. An error ends the sequence.
//
//	users := calls.ResumeListing(ctx, func(ctx context.Context, after string) (grpc.ServerStreamingClient[userv1.User], error) {
//		return client.ListUsers(ctx, &userv1.ListUsersRequest{AfterId: after})
//	}, (*userv1.User).GetId)
func ResumeListing[T any](
	ctx context.Context,
	open func(ctx context.Context, afterID string) (grpc.ServerStreamingClient[T], error),
	idOf func(*T) string,
) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		// Ends the stream if the caller leaves the loop.
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		after, attempts := "", 0
		for {
			stream, err := open(ctx, after)
			for err == nil {
				var resource *T
				if resource, err = stream.Recv(); err == nil {
					after, attempts = idOf(resource), 0
					if !yield(resource, nil) {
						return
					}
				}
			}
			if errors.Is(err, io.EOF) {
				return
			}
			attempts++
			details := DetailsOf(err)
			if attempts == maxAttempts || !mayResume(details) || !wait(ctx, delay(attempts, details)) {
				yield(nil, err)
				return
			}
		}
	}
}

func mayResume(details Details) bool {
	return details.Code == codes.Unavailable || details.Code == codes.Internal || details.RetryAfter > 0
}

func delay(attempts int, details Details) time.Duration {
	if details.RetryAfter > 0 {
		return details.RetryAfter
	}
	backoff := min(firstDelay<<(attempts-1), maxDelay)
	return backoff/2 + rand.N(backoff/2)
}

// wait returns false if the call was cancelled meanwhile.
func wait(ctx context.Context, delay time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(delay):
		return true
	}
}
