import {
  HealthDefinition,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../../../gen/ts/grpc/health/v1/health.ts';
import { healthHandlers } from '../../../mesh/server/health/health-handlers.ts';
import { createStatusBoard } from '../../../mesh/server/health/status-board.ts';
import type { Server } from './server/server.ts';

/** The health of a server, as callers of `grpc.health.v1.Health` see it. */
export interface Health {
  /** Sets the health of a service, such as `user.v1.UserService`, or of the whole server (`''`). */
  set(service: string, status: 'SERVING' | 'NOT_SERVING'): void;
  /** Sets all to NOT_SERVING and ends the watches: call it before `server.shutdown()`, which waits for them. */
  shutdown(): void;
}

/** Adds `grpc.health.v1.Health` to a server. The server as a whole (`''`) is SERVING until `set` changes it. */
export function addHealth(server: Pick<Server, 'add'>): Health {
  const board = createStatusBoard<ServingStatus>();
  board.set('', ServingStatus.SERVING);
  server.add(HealthDefinition, healthHandlers(board));
  return {
    set: (service, status) => board.set(service, ServingStatus[status]),
    shutdown() {
      for (const service of board.all().keys()) board.set(service, ServingStatus.NOT_SERVING);
      board.close();
    },
  };
}
