// Calls a server while it restarts, with grpc-go: grpc-go-restart <address> [<calls|streams>:<path>:<request in hex> ...].
// Without calls in the arguments it calls the user service and waits for a connection, as fast as it can. Calls in the
// arguments are made 5 times a second each, and fail without a connection. Writes its counts as JSON every 20 calls and after
// each failure until its input ends, then a summary. TLS_CA, TLS_CERT, TLS_KEY and ORDERMESH_TOKEN say how it reaches the server.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
)

// Each is made by as many workers as it is listed.
var defaultCalls = []string{
	"calls:/user.v1.UserService/BatchGetUsers:0a027531", "streams:/user.v1.UserService/ListUsers:",
	"calls:/user.v1.UserService/BatchGetUsers:0a027531", "streams:/user.v1.UserService/ListUsers:",
	"calls:/user.v1.UserService/BatchGetUsers:0a027531", "streams:/user.v1.UserService/ListUsers:",
}

var streamed = grpc.StreamDesc{ServerStreams: true}

// Messages are plain bytes.
type bytesCodec struct{}

func (bytesCodec) Name() string                        { return "proto" }
func (bytesCodec) Marshal(message any) ([]byte, error) { return *message.(*[]byte), nil }
func (bytesCodec) Unmarshal(data []byte, into any) error {
	*into.(*[]byte) = append([]byte(nil), data...)
	return nil
}

type report struct {
	Calls    atomic.Int64
	Streams  atomic.Int64
	mutex    sync.Mutex
	failures []string
}

func (seen *report) note(count *atomic.Int64, err error) {
	seen.mutex.Lock()
	defer seen.mutex.Unlock()
	if err != nil {
		seen.failures = append(seen.failures, err.Error())
	}
	count.Add(1)
	if err != nil || (seen.Calls.Load()+seen.Streams.Load())%20 == 0 {
		seen.print(len(seen.failures))
	}
}

func (seen *report) print(failures any) {
	text, _ := json.Marshal(map[string]any{
		"calls": seen.Calls.Load(), "streams": seen.Streams.Load(), "failures": failures,
	})
	fmt.Println(string(text))
}

func call(connection *grpc.ClientConn, path string, request []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	response := []byte{}
	return connection.Invoke(ctx, path, &request, &response)
}

func stream(connection *grpc.ClientConn, path string, request []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	answers, err := connection.NewStream(ctx, &streamed, path)
	if err != nil {
		return err
	}
	// RecvMsg returns the error.
	_ = answers.SendMsg(&request)
	_ = answers.CloseSend()
	for {
		var answer []byte
		if err := answers.RecvMsg(&answer); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func main() {
	arguments := os.Args[2:]
	waits, pause := len(arguments) == 0, 200*time.Millisecond
	if waits {
		arguments, pause = defaultCalls, 0
	}
	quick := backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.5, MaxDelay: 300 * time.Millisecond}
	connection, err := grpc.NewClient(os.Args[1], append(access(),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: quick, MinConnectTimeout: 5 * time.Second}),
		grpc.WithDefaultCallOptions(grpc.WaitForReady(waits), grpc.ForceCodec(bytesCodec{})))...)
	if err != nil {
		panic(err)
	}
	var seen report
	var over atomic.Bool
	var running sync.WaitGroup
	for _, argument := range arguments {
		parts := strings.Split(argument, ":")
		request, err := hex.DecodeString(parts[2])
		if err != nil {
			panic(err)
		}
		invoke, count := call, &seen.Calls
		if parts[0] == "streams" {
			invoke, count = stream, &seen.Streams
		}
		running.Go(func() {
			for !over.Load() {
				time.Sleep(pause)
				seen.note(count, invoke(connection, parts[1], request))
			}
		})
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	over.Store(true)
	running.Wait()
	seen.print(append([]string{}, seen.failures...))
}
