import { Status } from 'nice-grpc-common';
import {
  HealthDefinition,
  type HealthServiceImplementation,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../../../gen/ts/grpc/health/v1/health.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import type { MeshCallContext } from '../call-context.ts';
import { infrastructureContract } from '../infrastructure-contract.ts';
import { type ServedContract, serve } from '../serve.ts';
import { createStatusBoard, type StatusBoard } from './status-board.ts';

/** Whether a service takes calls. */
export type HealthStatus = 'SERVING' | 'NOT_SERVING';

/** The health of a server, told to callers as `grpc.health.v1`. The service `''` is the server as a whole. */
export interface Health {
  /** Sets the status of a service, which tells everyone who watches it. Without effect once draining. */
  set(service: string, status: HealthStatus): void;
  /** Sets the status of a service of which nothing is known yet. */
  setInitially(service: string, status: HealthStatus): void;
  /** Says NOT_SERVING for every service from now on, and ends the watches: for good. */
  drain(): void;
  /** What answers callers. */
  readonly served: ServedContract;
}

const contract = infrastructureContract(HealthDefinition);

/** Makes the health of a server, NOT_SERVING as a whole until it is set. */
export function createHealth(): Health {
  const board = createStatusBoard<ServingStatus>();
  board.set('', ServingStatus.NOT_SERVING);
  return {
    set: (service, status) => board.set(service, ServingStatus[status]),
    setInitially: (service, status) => {
      if (board.get(service) === undefined) board.set(service, ServingStatus[status]);
    },
    drain: () => board.close(ServingStatus.NOT_SERVING),
    served: serve(contract, healthHandlers(board)),
  };
}

function healthHandlers(board: StatusBoard<ServingStatus>): HealthServiceImplementation<MeshCallContext> {
  return {
    async check({ service }) {
      const status = board.get(service);
      if (status === undefined) throw unknownService(service);
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

function unknownService(service: string): MeshError {
  return new MeshError(
    Status.NOT_FOUND,
    'UNKNOWN_SERVICE',
    `this server has no service "${service}": list what it has with grpc.health.v1.Health/List`,
  );
}
