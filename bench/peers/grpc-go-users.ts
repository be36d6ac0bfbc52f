// Becomes the server of bench/peers/grpc-go: the process stays the same, and so does whoever measures it.
import { grpcGoProgram } from '../support/engines/grpc-go.ts';

process.execve?.(grpcGoProgram, [grpcGoProgram], { ...process.env, GOMAXPROCS: '1' });
