// Calls a server while it restarts, with grpc-go: unary calls and streams that wait for a connection. Writes a line every 20
// calls until its input ends, then a summary as JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
)

const workers = 3

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
	if (seen.Calls.Load()+seen.Streams.Load())%20 == 0 {
		fmt.Println("on")
	}
}

func call(connection *grpc.ClientConn) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	request, response := []byte("\x0a\x02u1"), []byte{}
	return connection.Invoke(ctx, "/user.v1.UserService/BatchGetUsers", &request, &response)
}

func stream(connection *grpc.ClientConn) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	answers, err := connection.NewStream(ctx, &streamed, "/user.v1.UserService/ListUsers")
	if err != nil {
		return err
	}
	request := []byte{}
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
	quick := backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.5, MaxDelay: 300 * time.Millisecond}
	connection, err := grpc.NewClient(os.Args[1],
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: quick, MinConnectTimeout: 5 * time.Second}),
		grpc.WithDefaultCallOptions(grpc.WaitForReady(true), grpc.ForceCodec(bytesCodec{})))
	if err != nil {
		panic(err)
	}
	var seen report
	var over atomic.Bool
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for !over.Load() {
				seen.note(&seen.Calls, call(connection))
			}
		})
		running.Go(func() {
			for !over.Load() {
				seen.note(&seen.Streams, stream(connection))
			}
		})
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	over.Store(true)
	running.Wait()
	text, _ := json.Marshal(map[string]any{
		"calls": seen.Calls.Load(), "streams": seen.Streams.Load(), "failures": append([]string{}, seen.failures...),
	})
	fmt.Println(string(text))
}
