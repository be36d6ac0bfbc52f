import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The server in bench/peers/grpc-go. `make deps` builds it. */
export const grpcGoProgram = fileURLToPath(new URL('../../../.tools/bin/grpc-go-users', import.meta.url));

/** Whether the server is built. */
export function hasGrpcGo(): boolean {
  return existsSync(grpcGoProgram);
}
