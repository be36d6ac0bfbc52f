package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// bearer sends a token with each call.
type bearer string

func (token bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(token)}, nil
}

func (bearer) RequireTransportSecurity() bool { return false }

// access returns how the server is reached: as TLS_CA, TLS_CERT, TLS_KEY and ORDERMESH_TOKEN say.
func access() []grpc.DialOption {
	var options []grpc.DialOption
	if token := os.Getenv("ORDERMESH_TOKEN"); token != "" {
		options = append(options, grpc.WithPerRPCCredentials(bearer(token)))
	}
	file := os.Getenv("TLS_CA")
	if file == "" {
		return append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))
	}
	ca, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	config.RootCAs.AppendCertsFromPEM(ca)
	if os.Getenv("TLS_CERT") != "" {
		own, err := tls.LoadX509KeyPair(os.Getenv("TLS_CERT"), os.Getenv("TLS_KEY"))
		if err != nil {
			panic(err)
		}
		config.Certificates = []tls.Certificate{own}
	}
	return append(options, grpc.WithTransportCredentials(credentials.NewTLS(config)))
}
