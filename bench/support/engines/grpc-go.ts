import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The server of bench/peers/grpc-go, which `make deps` builds. */
export const grpcGoProgram = fileURLToPath(new URL('../../../.tools/bin/grpc-go-users', import.meta.url));

/** Whether it has been built. */
export function hasGrpcGo(): boolean {
  return existsSync(grpcGoProgram);
}
