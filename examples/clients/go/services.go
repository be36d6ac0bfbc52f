package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/google/uuid"
	"github.com/ordermesh/ordermesh/gen/go/calls"
	commonv1 "github.com/ordermesh/ordermesh/gen/go/common/v1"
	eventsv1 "github.com/ordermesh/ordermesh/gen/go/events/v1"
	inventoryv1 "github.com/ordermesh/ordermesh/gen/go/inventory/v1"
	orderv1 "github.com/ordermesh/ordermesh/gen/go/order/v1"
	paymentv1 "github.com/ordermesh/ordermesh/gen/go/payment/v1"
	userv1 "github.com/ordermesh/ordermesh/gen/go/user/v1"
	"google.golang.org/grpc"
)

const importedUsers = 1000

func createUser(ctx context.Context, r *run) error {
	// With the same request id, the second call returns the response of the first.
	request := &userv1.CreateUserRequest{
		RequestId: uuid.NewString(),
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
	cursors, last, count := map[string]bool{}, "", 0
	open := func(ctx context.Context, after string) (grpc.ServerStreamingClient[userv1.User], error) {
		cursors[after] = true
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
	if count != importedUsers {
		return fmt.Errorf("listed %d users", count)
	}
	return expectCut(cursors)
}

func placeAndWatch(ctx context.Context, r *run) error {
	price := &commonv1.Money{CurrencyCode: "EUR", MinorUnits: 500}
	item := &inventoryv1.Item{Sku: r.id, Name: "Lamp", UnitPrice: price, OnHand: 10}
	if _, err := r.inventory.CreateItem(ctx, &inventoryv1.CreateItemRequest{RequestId: uuid.NewString(), Item: item}); err != nil {
		return err
	}
	account := &paymentv1.OpenAccountRequest{RequestId: uuid.NewString(), AccountId: r.id, CurrencyCode: "EUR"}
	if _, err := r.accounts.OpenAccount(ctx, account); err != nil {
		return err
	}
	funds := &commonv1.Money{CurrencyCode: "EUR", MinorUnits: 10_000}
	deposit := &paymentv1.DepositRequest{RequestId: uuid.NewString(), AccountId: r.id, Amount: funds}
	if _, err := r.accounts.Deposit(ctx, deposit); err != nil {
		return err
	}
	placed, err := r.orders.PlaceOrder(ctx, &orderv1.PlaceOrderRequest{
		RequestId: uuid.NewString(),
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
	next, seen, cursors := map[int32]int64{}, map[string]bool{}, map[string]bool{}
	open := func(ctx context.Context, after string) (grpc.ServerStreamingClient[eventsv1.EventRecord], error) {
		cursors[after] = true
		return r.cutEvents.Subscribe(ctx, &eventsv1.SubscribeRequest{
			Topic: "user.events",
			Types: []string{"USER_CREATED"},
			From:  &eventsv1.SubscribeRequest_Offsets{Offsets: &eventsv1.Offsets{ByPartition: next}},
		})
	}
	for event, err := range calls.ResumeListing(ctx, open, (*eventsv1.EventRecord).GetId) {
		if err != nil {
			return err
		}
		if event.Offset < next[event.Partition] {
			return fmt.Errorf("event %s came twice", event.Id)
		}
		next[event.Partition] = event.Offset + 1
		if strings.HasPrefix(event.Key, r.id+"-") {
			seen[event.Key] = true
		}
		if len(seen) == importedUsers {
			break
		}
	}
	return expectCut(cursors)
}

// expectCut fails if every stream began at the same place: the first one was not cut, or received nothing before.
func expectCut(cursors map[string]bool) error {
	if len(cursors) < 2 {
		return errors.New("the stream was not cut")
	}
	return nil
}
