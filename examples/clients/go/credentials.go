package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	orderv1 "github.com/ordermesh/ordermesh/gen/go/order/v1"
	userv1 "github.com/ordermesh/ordermesh/gen/go/user/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
)

// bearer sends a token with each call.
type bearer string

func (token bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(token)}, nil
}

// RequireTransportSecurity keeps the token off connections without TLS.
func (bearer) RequireTransportSecurity() bool { return true }

// connectWith returns a channel over TLS to a mesh whose certificate the CA in a file has signed. The program has a
// certificate of its own, with the files TLS_CERT and TLS_KEY, and a token unless that is empty.
func connectWith(address, caFile, token string) (*grpc.ClientConn, error) {
	ca, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	own, err := tls.LoadX509KeyPair(os.Getenv("TLS_CERT"), os.Getenv("TLS_KEY"))
	if err != nil {
		return nil, err
	}
	config := &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{own}}
	options := []grpc.DialOption{grpc.WithTransportCredentials(credentials.NewTLS(config))}
	if token != "" {
		options = append(options, grpc.WithPerRPCCredentials(bearer(token)))
	}
	return grpc.NewClient(address, options...)
}

var credentialBehaviours = []behaviour{
	{name: "certificate-and-token", run: func(ctx context.Context, r *run) error {
		return getUser(ctx, r, os.Getenv("TLS_CA"), os.Getenv("ORDERMESH_TOKEN"), codes.OK)
	}},
	{name: "no-token", run: func(ctx context.Context, r *run) error {
		return getUser(ctx, r, os.Getenv("TLS_CA"), "", codes.Unauthenticated)
	}},
	{name: "other-ca", run: func(ctx context.Context, r *run) error {
		return getUser(ctx, r, os.Getenv("OTHER_CA"), os.Getenv("ORDERMESH_TOKEN"), codes.Unavailable)
	}},
	{name: "other-user", run: getOthersOrder},
}

// requireCredentials ends the program if a setting is missing.
func requireCredentials() {
	for _, name := range []string{"TLS_CA", "TLS_CERT", "TLS_KEY", "ORDERMESH_TOKEN", "USER_ID", "OTHER_CA", "OTHER_ORDER"} {
		if os.Getenv(name) == "" {
			exit(fmt.Errorf("set %s: examples/clients/README.md shows how", name))
		}
	}
}

// getUser reads the user of the token, and expects that the call ends with a code.
func getUser(ctx context.Context, r *run, caFile, token string, expected codes.Code) error {
	conn, err := connectWith(r.address, caFile, token)
	if err != nil {
		return err
	}
	defer conn.Close()
	user, err := userv1.NewUserServiceClient(conn).GetUser(ctx, &userv1.GetUserRequest{Id: os.Getenv("USER_ID")})
	if expected != codes.OK {
		return expectCode(err, expected)
	}
	if err == nil && user.Id != os.Getenv("USER_ID") {
		return fmt.Errorf("got %v", user)
	}
	return err
}

// getOthersOrder reads an order that another user has placed.
func getOthersOrder(ctx context.Context, r *run) error {
	conn, err := connectWith(r.address, os.Getenv("TLS_CA"), os.Getenv("ORDERMESH_TOKEN"))
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = orderv1.NewOrderServiceClient(conn).GetOrder(ctx, &orderv1.GetOrderRequest{Id: os.Getenv("OTHER_ORDER")})
	return expectCode(err, codes.PermissionDenied)
}
