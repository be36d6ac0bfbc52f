import {
  HealthDefinition,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../../../gen/ts/grpc/health/v1/health.ts';
import type { Clock } from '../../time/clock.ts';
import { notCheckedYet, serverDraining } from '../errors.ts';
import { infrastructureContract, type ServedContract, serve } from '../serve.ts';
import { healthHandlers } from './health-handlers.ts';
import { processName } from './names.ts';
import { createStatusBoard } from './status-board.ts';

/** Whether a service accepts calls. */
export type HealthStatus = 'SERVING' | 'NOT_SERVING';

/** A failing check. */
export interface HealthProblem {
  /** What was checked: `order`, `ordermesh.tasks`, ... */
  readonly check: string;
  /** The reason of the error; empty for an unexpected one. */
  readonly reason: string;
  readonly message: string;
}

/** The health of one name. */
export interface NamedHealth {
  readonly name: string;
  readonly status: HealthStatus;
  /** When it got this status, in milliseconds since the epoch. */
  readonly sinceMs: number;
  /** Why it does not serve; empty while it serves. */
  readonly problems: readonly HealthProblem[];
}

/** The health of a server by name, the server as a whole (`''`) first, then sorted. */
export interface HealthList {
  list(): readonly NamedHealth[];
}

/** The health of a server, served as `grpc.health.v1`. Its own names are in `names.ts`. */
export interface Health extends HealthList {
  /** Sets the health of a name, which serves if there are no problems. No effect once draining. */
  show(name: string, problems: readonly HealthProblem[]): void;
  /** Adds a name that was not checked yet as NOT_SERVING. */
  showUnknown(name: string): void;
  /** Sets every name but that of the process to NOT_SERVING, permanently, and ends the watches. */
  drain(): void;
  /** The contract that answers callers. */
  readonly served: ServedContract;
}

const contract = infrastructureContract(HealthDefinition);
const unasked: HealthProblem = { check: '', reason: notCheckedYet.reason, message: 'it was not checked yet: wait' };
const draining: HealthProblem = { check: '', reason: serverDraining.reason, message: 'the process is stopping' };

/** Creates the health of a server, NOT_SERVING until `show` sets it. */
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
