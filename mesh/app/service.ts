import type { Client, CompatServiceDefinition, NormalizedServiceDefinition, ServiceImplementation } from 'nice-grpc';
import type { Config } from '../config/config.ts';
import type { ServiceContract } from '../contract/contract.ts';
import type { DeadLetterBox } from '../dead-letters/dead-letters.ts';
import type { EventLog } from '../events/event-log.ts';
import type { SagaAdmin } from '../saga/saga.ts';
import type { MeshCallContext } from '../server/call-context.ts';
import type { Storage } from '../storage/storage.ts';
import type { TaskQueue } from '../tasks/task-queue.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/logger.ts';

/** What a service stands on. It asks for what it needs; the process decides what that is (`DATABASE_URL`, ...). */
export interface Runtime {
  readonly config: Config;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly events: EventLog;
  readonly tasks: TaskQueue;
  /** Opens the database of `service`; the process closes it after the service has stopped. */
  openStorage(service: string): Promise<Storage>;
  /** A client of another service, typed in nice-grpc's shape, with deadline, retry and breaker. */
  client<Definition extends CompatServiceDefinition>(contract: ServiceContract<Definition>): Client<Definition>;
}

/** A contract with its handlers, ready to be served. Made by `serve`. */
export interface ServedContract {
  readonly contract: ServiceContract;
  readonly handlers: Readonly<Record<string, (request: never, context: MeshCallContext) => unknown>>;
}

/** Binds handlers, in the shape of nice-grpc, to their contract. */
export function serve<Definition extends CompatServiceDefinition>(
  contract: ServiceContract<Definition>,
  handlers: ServiceImplementation<NormalizedServiceDefinition<Definition>, MeshCallContext>,
): ServedContract {
  return { contract, handlers: handlers as unknown as ServedContract['handlers'] };
}

/** A service: what it serves, and what it does in the background. */
export interface Service {
  /** `order`. */
  readonly name: string;
  readonly serves: readonly ServedContract[];
  /** What it has that can get stuck, for `ops.v1`. */
  readonly deadLetters?: readonly DeadLetterBox[];
  readonly sagas?: readonly SagaAdmin[];
  /** Begins background work; called when every service of the process is being served. */
  start?(): Promise<void>;
  /** Ends background work; called when no call is under way any more. Must end within the drain time. */
  stop?(): Promise<void>;
  /** Resolves while it can do its work; rejects with what is wrong, which shows in its health. */
  check?(): Promise<void>;
}

/** Builds a service on a runtime: opens its storage, applies its migrations, wires it. The only wiring there is. */
export type CreateService = (runtime: Runtime) => Promise<Service>;
