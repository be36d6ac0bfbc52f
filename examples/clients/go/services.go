package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ordermesh/ordermesh/gen/go/calls"
	commonv1 "github.com/ordermesh/ordermesh/gen/go/common/v1"
	eventsv1 "github.com/ordermesh/ordermesh/gen/go/events/v1"
	inventoryv1 "github.com/ordermesh/ordermesh/gen/go/inventory/v1"
	orderv1 "github.com/ordermesh/ordermesh/gen/go/order/v1"
	paymentv1 "github.com/ordermesh/ordermesh/gen/go/payment/v1"
	userv1 "github.com/ordermesh/ordermesh/gen/go/user/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

const (
	importedUsers = 1000
	// Attempts in a row that receive nothing.
	maxFailures = 10
)

func createUser(ctx context.Context, r *run) error {
	// With the same request id, the second call returns the response of the first.
	request := &userv1.CreateUserRequest{
		RequestId: newUUID(),
		User:      &userv1.User{Id: r.id, Name: "Ada", Email: r.id + "@example.com"},
	}
	first, err := r.users.CreateUser(ctx, request)
	if err != nil {
		return err
	}
	second, err := r.users.CreateUser(ctx, request)
	if err != nil {
		return err
	}
	if first.Id != r.id || first.Etag == "" || second.Etag != first.Etag {
		return fmt.Errorf("created %v, then %v", first, second)
	}
	return nil
}

func importUsers(ctx context.Context, r *run) error {
	stream, err := r.users.ImportUsers(ctx)
	if err != nil {
		return err
	}
	for i := range importedUsers {
		id := fmt.Sprintf("%s-%04d", r.id, i)
		user := &userv1.User{Id: id, Name: "Imported", Email: id + "@example.com", Role: r.id}
		// io.EOF: the server has ended the call; CloseAndRecv returns why.
		if err := stream.Send(&userv1.ImportUsersRequest{User: user}); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
	}
	response, err := stream.CloseAndRecv()
	if err != nil {
		return err
	}
	if response.Imported != importedUsers || len(response.Failures) > 0 {
		return fmt.Errorf("imported %d, failures %v", response.Imported, response.Failures)
	}
	return nil
}

func listUsers(ctx context.Context, r *run) error {
	opened, last, count := 0, "", 0
	open := func(ctx context.Context, after string) (grpc.ServerStreamingClient[userv1.User], error) {
		opened++
		return r.cutUsers.ListUsers(ctx, &userv1.ListUsersRequest{AfterId: after, Role: r.id})
	}
	for user, err := range calls.ResumeListing(ctx, open, (*userv1.User).GetId) {
		if err != nil {
			return err
		}
		if user.Id <= last {
			return fmt.Errorf("%s came after %s", user.Id, last)
		}
		last = user.Id
		count++
	}
	if count != importedUsers || opened < 2 {
		return fmt.Errorf("listed %d users with %d calls", count, opened)
	}
	return nil
}

func placeAndWatch(ctx context.Context, r *run) error {
	price := &commonv1.Money{CurrencyCode: "EUR", MinorUnits: 500}
	item := &inventoryv1.Item{Sku: r.id, Name: "Lamp", UnitPrice: price, OnHand: 10}
	if _, err := r.inventory.CreateItem(ctx, &inventoryv1.CreateItemRequest{RequestId: newUUID(), Item: item}); err != nil {
		return err
	}
	account := &paymentv1.OpenAccountRequest{RequestId: newUUID(), AccountId: r.id, CurrencyCode: "EUR"}
	if _, err := r.accounts.OpenAccount(ctx, account); err != nil {
		return err
	}
	funds := &commonv1.Money{CurrencyCode: "EUR", MinorUnits: 10_000}
	deposit := &paymentv1.DepositRequest{RequestId: newUUID(), AccountId: r.id, Amount: funds}
	if _, err := r.accounts.Deposit(ctx, deposit); err != nil {
		return err
	}
	placed, err := r.orders.PlaceOrder(ctx, &orderv1.PlaceOrderRequest{
		RequestId: newUUID(),
		UserId:    r.id,
		Items:     []*orderv1.OrderItem{{Sku: r.id, Quantity: 2}},
		ShippingAddress: &commonv1.Address{
			Recipient: "Ada", Lines: []string{"Main Street 1"}, City: "Town", PostalCode: "12345", CountryCode: "DE",
		},
	})
	if err != nil {
		return err
	}
	stream, err := r.orders.WatchOrder(ctx, &orderv1.WatchOrderRequest{Id: placed.Id})
	if err != nil {
		return err
	}
	// The stream ends after the final state.
	var last *orderv1.Order
	for {
		order, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		last = order
	}
	if last.GetState() != orderv1.OrderState_ORDER_STATE_COMPLETED || last.Total.MinorUnits != 1000 {
		return fmt.Errorf("the order ended as %v", last)
	}
	return nil
}

// subscribe follows the events of the imported users. Each opened stream starts after the last event of each partition.
func subscribe(ctx context.Context, r *run) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	next, seen, opened, failures := map[int32]int64{}, map[string]bool{}, 0, 0
	for len(seen) < importedUsers {
		opened++
		failures++
		request := &eventsv1.SubscribeRequest{
			Topic: "user.events",
			Types: []string{"USER_CREATED"},
			From:  &eventsv1.SubscribeRequest_Offsets{Offsets: &eventsv1.Offsets{ByPartition: next}},
		}
		stream, err := r.cutEvents.Subscribe(ctx, request)
		for err == nil && len(seen) < importedUsers {
			var event *eventsv1.EventRecord
			if event, err = stream.Recv(); err != nil {
				break
			}
			if event.Offset < next[event.Partition] {
				return fmt.Errorf("event %d of partition %d came twice", event.Offset, event.Partition)
			}
			next[event.Partition] = event.Offset + 1
			failures = 0
			if event.Key != r.id && len(event.Key) > len(r.id) && event.Key[:len(r.id)] == r.id {
				seen[event.Key] = true
			}
		}
		if err == nil {
			break
		}
		code := calls.DetailsOf(err).Code
		if code != codes.Unavailable && code != codes.Internal || failures == maxFailures {
			return err
		}
		time.Sleep(time.Duration(failures) * 100 * time.Millisecond)
	}
	if opened < 2 {
		return errors.New("the stream was not cut")
	}
	return nil
}

// newUUID returns a random UUID.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
