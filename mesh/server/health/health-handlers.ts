import type { CallContext } from 'nice-grpc-common';
import {
  type HealthServiceImplementation,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../../../gen/ts/grpc/health/v1/health.ts';
import { unknownService } from '../errors.ts';
import type { StatusBoard } from './status-board.ts';

/** The handlers of `grpc.health.v1.Health` for what a board shows. */
export function healthHandlers(board: StatusBoard<ServingStatus>): HealthServiceImplementation<CallContext> {
  return {
    async check({ service }) {
      const status = board.get(service);
      if (status === undefined) throw unknownService({ service });
      return { status };
    },
    async *watch({ service }, { signal }) {
      for await (const status of board.watch(service, signal))
        yield { status: status ?? ServingStatus.SERVICE_UNKNOWN };
    },
    async list() {
      return { statuses: Object.fromEntries([...board.all()].map(([service, status]) => [service, { status }])) };
    },
  };
}
