// Calls methods with grpc-go under service configs.
//
// Arguments: host:port, then for each channel the file of its config and its calls, such as
// unary:/user.v1.UserService/GetUser or upload:/user.v1.UserService/ImportUsers. Writes one line of JSON per call.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/health" // client-side health checks, for healthCheckConfig
	"google.golang.org/grpc/status"
)

// The names of codes in a service config; grpc-go prints others.
var codeNames = map[codes.Code]string{
	codes.OK:               "OK",
	codes.DeadlineExceeded: "DEADLINE_EXCEEDED",
	codes.Internal:         "INTERNAL",
	codes.Unavailable:      "UNAVAILABLE",
}

// The messages are bytes already.
type bytesCodec struct{}

func (bytesCodec) Marshal(message any) ([]byte, error) { return *message.(*[]byte), nil }

func (bytesCodec) Unmarshal(data []byte, message any) error {
	*message.(*[]byte) = data
	return nil
}

func (bytesCodec) Name() string { return "proto" }

func connect(address string, configFile string) *grpc.ClientConn {
	config, err := os.ReadFile(configFile)
	if err != nil {
		log.Fatal(err)
	}
	channel, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(string(config)),
		grpc.WithDisableServiceConfig(),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(bytesCodec{})))
	if err != nil {
		log.Fatal(err)
	}
	return channel
}

func call(channel *grpc.ClientConn, kind string, path string) error {
	var request, response []byte
	if kind == "unary" {
		return channel.Invoke(context.Background(), path, &request, &response)
	}
	stream, err := channel.NewStream(context.Background(), &grpc.StreamDesc{ClientStreams: true}, path)
	if err != nil {
		return err
	}
	// An error of SendMsg is only that the stream has ended; RecvMsg has its status.
	_ = stream.SendMsg(&request)
	_ = stream.CloseSend()
	return stream.RecvMsg(&response)
}

func main() {
	var channel *grpc.ClientConn
	for _, argument := range os.Args[2:] {
		if strings.HasSuffix(argument, ".json") {
			channel = connect(os.Args[1], argument)
			continue
		}
		kind, path, _ := strings.Cut(argument, ":")
		result := status.Convert(call(channel, kind, path))
		line, _ := json.Marshal(map[string]string{"code": codeNames[result.Code()], "text": result.Message()})
		fmt.Println(string(line))
	}
}
