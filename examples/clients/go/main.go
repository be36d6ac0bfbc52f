// Calls a running mesh and prints one line for each behaviour in ../README.md.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"time"

	eventsv1 "github.com/ordermesh/ordermesh/gen/go/events/v1"
	inventoryv1 "github.com/ordermesh/ordermesh/gen/go/inventory/v1"
	orderv1 "github.com/ordermesh/ordermesh/gen/go/order/v1"
	paymentv1 "github.com/ordermesh/ordermesh/gen/go/payment/v1"
	userv1 "github.com/ordermesh/ordermesh/gen/go/user/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	// Lets the channel follow the health checks that the service config asks for.
	_ "google.golang.org/grpc/health"
)

// run has what the behaviours share.
type run struct {
	// Ids of this run begin with it.
	id        string
	config    string
	address   string
	conn      *grpc.ClientConn
	users     userv1.UserServiceClient
	inventory inventoryv1.InventoryServiceClient
	accounts  paymentv1.AccountServiceClient
	orders    orderv1.OrderServiceClient
	// Through a proxy that cuts connections, if there is one.
	cutUsers  userv1.UserServiceClient
	cutEvents eventsv1.EventServiceClient
}

type behaviour struct {
	name string
	run  func(context.Context, *run) error
	// Needs CUT_ADDRESS.
	cut bool
}

var behaviours = []behaviour{
	{name: "create-user", run: createUser},
	{name: "import-1000", run: importUsers},
	{name: "list-resume", run: listUsers, cut: true},
	{name: "place-and-watch", run: placeAndWatch},
	{name: "bad-request", run: badRequest},
	{name: "error-info", run: errorInfo},
	{name: "deadline", run: deadline},
	{name: "cancel", run: cancelCall},
	{name: "health", run: checkHealth},
	{name: "reflection-v1", run: reflectV1},
	{name: "reflection-v1alpha", run: reflectV1Alpha},
	{name: "subscribe-resume", run: subscribe, cut: true},
	{name: "service-config", run: serviceConfig},
}

func main() {
	address, cutAddress := envOr("ADDRESS", "localhost:50051"), os.Getenv("CUT_ADDRESS")
	if len(os.Args) > 1 && os.Args[1] == "credentials" {
		requireCredentials()
		show(credentialBehaviours, &run{address: address}, cutAddress)
		return
	}
	config, err := os.ReadFile(envOr("SERVICE_CONFIG", "../../../gen/service-config/ordermesh.json"))
	if err != nil {
		exit(err)
	}
	conn, cut := connect(address, string(config)), connect(cutAddress, string(config))
	r := &run{
		id:        "go-" + strings.ToLower(rand.Text()[:12]),
		config:    string(config),
		address:   address,
		conn:      conn,
		users:     userv1.NewUserServiceClient(conn),
		inventory: inventoryv1.NewInventoryServiceClient(conn),
		accounts:  paymentv1.NewAccountServiceClient(conn),
		orders:    orderv1.NewOrderServiceClient(conn),
		cutUsers:  userv1.NewUserServiceClient(cut),
		cutEvents: eventsv1.NewEventServiceClient(cut),
	}
	show(behaviours, r, cutAddress)
}

// show runs behaviours and prints a line for each. It ends the program with 1 if one fails.
func show(behaviours []behaviour, r *run, cutAddress string) {
	failed := false
	for _, b := range behaviours {
		if b.cut && cutAddress == "" {
			fmt.Printf("skipped %s: CUT_ADDRESS is not set\n", b.name)
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
		if err := b.run(ctx, r); err != nil {
			failed = true
			fmt.Printf("FAILED %s: %v\n", b.name, err)
		} else {
			fmt.Printf("ok %s\n", b.name)
		}
		cancel()
	}
	if failed {
		os.Exit(1)
	}
}

// connect returns a channel with the deadlines and retries of the contracts.
func connect(address, config string) *grpc.ClientConn {
	conn, err := grpc.NewClient(
		address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(config),
	)
	if err != nil {
		exit(err)
	}
	return conn
}

func envOr(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func exit(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(2)
}
