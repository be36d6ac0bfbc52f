// The server in bench/peers/grpc-go.
import { becomeProgram } from '../support/engines/built-peers.ts';

becomeProgram('grpc-go-users', { GOMAXPROCS: '1' });
