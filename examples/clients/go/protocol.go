package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/ordermesh/ordermesh/gen/go/calls"
	eventsv1 "github.com/ordermesh/ordermesh/gen/go/events/v1"
	userv1 "github.com/ordermesh/ordermesh/gen/go/user/v1"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/status"
)

const userService = "user.v1.UserService"

func badRequest(ctx context.Context, r *run) error {
	user := &userv1.User{Id: "not an id", Name: "Ada", Email: "nobody"}
	_, err := r.users.CreateUser(ctx, &userv1.CreateUserRequest{RequestId: uuid.NewString(), User: user})
	details := calls.DetailsOf(err)
	var fields []string
	for _, violation := range details.Violations {
		fields = append(fields, violation.Field)
	}
	if details.Code != codes.InvalidArgument || !slices.Equal(fields, []string{"user.id", "user.email"}) {
		return fmt.Errorf("got %+v", details)
	}
	return nil
}

func errorInfo(ctx context.Context, r *run) error {
	_, err := r.users.GetUser(ctx, &userv1.GetUserRequest{Id: r.id + "-unknown"})
	details := calls.DetailsOf(err)
	if details.Reason != "USER_NOT_FOUND" || details.Metadata["id"] != r.id+"-unknown" {
		return fmt.Errorf("got %+v", details)
	}
	return nil
}

// deadline follows a topic, which never ends by itself.
func deadline(ctx context.Context, r *run) error {
	ctx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	stream, err := eventsv1.NewEventServiceClient(r.conn).Subscribe(ctx, &eventsv1.SubscribeRequest{Topic: "order.events"})
	for err == nil {
		_, err = stream.Recv()
	}
	return expectCode(err, codes.DeadlineExceeded)
}

func cancelCall(ctx context.Context, r *run) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	request := &eventsv1.SubscribeRequest{
		Topic: "user.events",
		From:  &eventsv1.SubscribeRequest_Start{Start: eventsv1.Start_START_BEGINNING},
	}
	stream, err := eventsv1.NewEventServiceClient(r.conn).Subscribe(ctx, request)
	if err != nil {
		return err
	}
	if _, err = stream.Recv(); err != nil {
		return err
	}
	cancel()
	for err == nil {
		_, err = stream.Recv()
	}
	return expectCode(err, codes.Canceled)
}

func checkHealth(ctx context.Context, r *run) error {
	client := healthv1.NewHealthClient(r.conn)
	for _, service := range []string{"", userService} {
		response, err := client.Check(ctx, &healthv1.HealthCheckRequest{Service: service})
		if err != nil {
			return err
		}
		if response.Status != healthv1.HealthCheckResponse_SERVING {
			return fmt.Errorf("%q is %v", service, response.Status)
		}
	}
	_, err := client.Check(ctx, &healthv1.HealthCheckRequest{Service: "unknown"})
	return expectCode(err, codes.NotFound)
}

func reflectV1(ctx context.Context, r *run) error {
	stream, err := reflectionv1.NewServerReflectionClient(r.conn).ServerReflectionInfo(ctx)
	if err != nil {
		return err
	}
	request := &reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{},
	}
	if err := stream.Send(request); err != nil {
		return err
	}
	response, err := stream.Recv()
	if err != nil {
		return err
	}
	var names []string
	for _, service := range response.GetListServicesResponse().GetService() {
		names = append(names, service.Name)
	}
	return expectUserService(names)
}

func reflectV1Alpha(ctx context.Context, r *run) error {
	stream, err := reflectionv1alpha.NewServerReflectionClient(r.conn).ServerReflectionInfo(ctx)
	if err != nil {
		return err
	}
	request := &reflectionv1alpha.ServerReflectionRequest{
		MessageRequest: &reflectionv1alpha.ServerReflectionRequest_ListServices{},
	}
	if err := stream.Send(request); err != nil {
		return err
	}
	response, err := stream.Recv()
	if err != nil {
		return err
	}
	var names []string
	for _, service := range response.GetListServicesResponse().GetService() {
		names = append(names, service.Name)
	}
	return expectUserService(names)
}

// serviceConfig makes a call without a deadline on a channel whose config allows next to no time.
func serviceConfig(ctx context.Context, r *run) error {
	if _, err := r.users.GetUser(ctx, &userv1.GetUserRequest{Id: r.id}); err != nil {
		return err
	}
	shortTimeouts := regexp.MustCompile(`"timeout": "[^"]*"`).ReplaceAllString(r.config, `"timeout": "0.000001s"`)
	conn := connect(r.address, shortTimeouts)
	defer conn.Close()
	_, err := userv1.NewUserServiceClient(conn).GetUser(context.WithoutCancel(ctx), &userv1.GetUserRequest{Id: r.id})
	return expectCode(err, codes.DeadlineExceeded)
}

func expectUserService(names []string) error {
	if !slices.Contains(names, userService) {
		return fmt.Errorf("reflection lists %v", names)
	}
	return nil
}

func expectCode(err error, expected codes.Code) error {
	if status.Code(err) != expected {
		return fmt.Errorf("got %v, not %v", err, expected)
	}
	return nil
}
