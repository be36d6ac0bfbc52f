// A bare grpc-go server: generated stubs, no interceptors, and BENCH_USERS users in memory.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	userv1 "ordermesh/bench/peers/grpc-go/user/v1"
)

type userServer struct {
	userv1.UnimplementedUserServiceServer
	all  []*userv1.User
	byID map[string]*userv1.User
}

func (s *userServer) GetUser(_ context.Context, request *userv1.GetUserRequest) (*userv1.User, error) {
	if user, found := s.byID[request.GetId()]; found {
		return user, nil
	}
	return nil, status.Errorf(codes.NotFound, "there is no user %s", request.GetId())
}

func (s *userServer) ListUsers(_ *userv1.ListUsersRequest, stream grpc.ServerStreamingServer[userv1.User]) error {
	for _, user := range s.all {
		if err := stream.Send(user); err != nil {
			return err
		}
	}
	return nil
}

// The users of bench/support/users.ts.
func newUserServer(count int) *userServer {
	s := &userServer{byID: make(map[string]*userv1.User, count)}
	now := timestamppb.Now()
	for index := range count {
		id := fmt.Sprintf("user-%07d", index)
		user := &userv1.User{
			Id: id, Name: fmt.Sprintf("Name %d", index), Email: id + "@example.com", Role: "admin",
			CreateTime: now, UpdateTime: now, Etag: "1",
		}
		s.all = append(s.all, user)
		s.byID[id] = user
	}
	return s
}

func main() {
	count, err := strconv.Atoi(os.Getenv("BENCH_USERS"))
	if err != nil {
		log.Fatalf("BENCH_USERS is no number: %v", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	userv1.RegisterUserServiceServer(server, newUserServer(count))
	fmt.Printf("ready grpc=%s\n", listener.Addr())
	log.Fatal(server.Serve(listener))
}
