// Command shipping-go serves shipping.v1.ShippingService from a SQLite file.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"os/signal"
	"syscall"
	"time"

	shippingv1 "github.com/ordermesh/ordermesh/gen/go/shipping/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
)

// How long calls in progress may take after a stop signal.
const drainTimeout = 25 * time.Second

func main() {
	listen := flag.String("listen", "127.0.0.1:50061", "`address` to listen on")
	file := flag.String("database", "shipping.db", "SQLite `file`, created if it is missing")
	flag.Parse()
	if err := run(*listen, *file); err != nil {
		log.Fatal(err)
	}
}

func run(listen, file string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	db, err := openDatabase(file)
	if err != nil {
		return err
	}
	defer db.Close()
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}

	server := grpc.NewServer(grpc.UnaryInterceptor(validateRequest))
	shippingv1.RegisterShippingServiceServer(server, &shippingServer{db: db})
	reflection.Register(server)
	healthServer := health.NewServer()
	healthServer.SetServingStatus(shippingv1.ShippingService_ServiceDesc.ServiceName, healthv1.HealthCheckResponse_SERVING)
	healthv1.RegisterHealthServer(server, healthServer)

	go func() {
		<-ctx.Done()
		// Callers that watch the health go elsewhere; calls in progress end.
		healthServer.Shutdown()
		timer := time.AfterFunc(drainTimeout, server.Stop)
		defer timer.Stop()
		server.GracefulStop()
	}()
	fmt.Printf("ready grpc=%s\n", listener.Addr())
	return server.Serve(listener)
}
