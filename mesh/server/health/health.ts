import {
  HealthDefinition,
  type HealthServiceImplementation,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../../../gen/ts/grpc/health/v1/health.ts';
import type { Clock } from '../../time/clock.ts';
import type { MeshCallContext } from '../call-context.ts';
import { notCheckedYet, serverDraining, unknownService } from '../errors.ts';
import { infrastructureContract, type ServedContract, serve } from '../serve.ts';
import { processName } from './names.ts';
import { createStatusBoard, type StatusBoard } from './status-board.ts';

/** Whether a service takes calls. */
export type HealthStatus = 'SERVING' | 'NOT_SERVING';

/** A check that fails. */
export interface HealthProblem {
  /** What was asked: `order`, `ordermesh.tasks`, ... */
  readonly check: string;
  /** The reason of the error; empty when nobody expected it. */
  readonly reason: string;
  readonly message: string;
}

/** What is known of one health name. */
export interface NamedHealth {
  readonly name: string;
  readonly status: HealthStatus;
  /** Since when it has this status, in milliseconds since the epoch. */
  readonly sinceMs: number;
  /** What keeps it from serving; empty while it serves. */
  readonly problems: readonly HealthProblem[];
}

/** The health of a server by name, the server as a whole (`''`) first, then sorted. */
export interface HealthList {
  list(): readonly NamedHealth[];
}

/** The health of a server, shown to callers as `grpc.health.v1`. The names of its own are in `names.ts`. */
export interface Health extends HealthList {
  /** Shows that a name serves, or what keeps it from that, to everyone who watches it. Without effect once draining. */
  show(name: string, problems: readonly HealthProblem[]): void;
  /** Shows a name of which nothing is known yet as NOT_SERVING. */
  showUnknown(name: string): void;
  /** Says NOT_SERVING of every name but that of the process from now on, and ends the watches: for good. */
  drain(): void;
  /** What answers callers. */
  readonly served: ServedContract;
}

const contract = infrastructureContract(HealthDefinition);
const unasked: HealthProblem = { check: '', reason: notCheckedYet.reason, message: 'it was not checked yet: wait' };
const draining: HealthProblem = { check: '', reason: serverDraining.reason, message: 'the process is stopping' };

/** Makes the health of a server, NOT_SERVING as a whole until it is shown otherwise. */
export function createHealth(clock: Clock): Health {
  const board = createStatusBoard<ServingStatus>();
  const names = new Map<string, NamedHealth>();
  let closed = false;

  const enter = (name: string, problems: readonly HealthProblem[]) => {
    if (closed) return;
    const status = problems.length === 0 ? 'SERVING' : 'NOT_SERVING';
    const before = names.get(name);
    const sinceMs = before?.status === status ? before.sinceMs : clock.now();
    names.set(name, { name, status, sinceMs, problems });
    board.set(name, ServingStatus[status]);
  };
  enter('', [unasked]);
  enter(processName, []);
  return {
    show: enter,
    showUnknown: (name) => {
      if (!names.has(name)) enter(name, [unasked]);
    },
    list: () => [...names.values()].toSorted((one, other) => (one.name < other.name ? -1 : 1)),
    drain() {
      for (const name of names.keys()) if (name !== processName) enter(name, [draining]);
      closed = true;
      board.close();
    },
    served: serve(contract, healthHandlers(board)),
  };
}

function healthHandlers(board: StatusBoard<ServingStatus>): HealthServiceImplementation<MeshCallContext> {
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
