// Replaces itself with the server in bench/peers/grpc-go, so it keeps the process id that is measured.
import { grpcGoProgram } from '../support/engines/grpc-go.ts';

process.execve?.(grpcGoProgram, [grpcGoProgram], { ...process.env, GOMAXPROCS: '1' });
