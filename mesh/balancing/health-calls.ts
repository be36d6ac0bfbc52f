import { Metadata, Status } from 'nice-grpc-common';
import {
  type HealthCheckResponse,
  HealthDefinition,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../../gen/ts/grpc/health/v1/health.ts';
import type { EngineMethod, Transport } from '../engines/engine.ts';
import { engineMethods } from '../engines/engine-methods.ts';
import { TransportError } from '../engines/transport-error.ts';
import { runOutsideOfCalls } from '../telemetry/call-scope.ts';
import { backoff } from '../time/backoff.ts';
import type { Clock } from '../time/clock.ts';
import { sleep } from '../time/sleep.ts';

type HealthMethod = EngineMethod<unknown, unknown>;

const methods = engineMethods(HealthDefinition);
const checkMethod = methods.get('check') as HealthMethod;
const watchMethod = methods.get('watch') as HealthMethod;

/** What a server does with a call of `Health/Check`. Any status is an answer. */
export type Liveness = 'answers' | 'silent' | 'away';

export async function probe(transport: Transport, timeoutMs: number, clock: Clock): Promise<Liveness> {
  const call = { metadata: Metadata(), deadlineMs: clock.now() + timeoutMs, signal: undefined };
  try {
    await transport.unary(checkMethod, { service: '' }, call);
    return 'answers';
  } catch (error) {
    const code = error instanceof TransportError ? error.code : Status.UNAVAILABLE;
    if (code === Status.DEADLINE_EXCEEDED) return 'silent';
    return code === Status.UNAVAILABLE ? 'away' : 'answers';
  }
}

/** The health of an instance for one contract, as its server says. `unknown`: it has not said it yet, or no longer. */
export type WatchedHealth = 'unknown' | 'serving' | 'not-serving' | 'not-served' | 'away';

export interface HealthWatchOptions {
  /** Returns the transport of the next attempt. */
  readonly transport: () => Transport;
  /** Full name: `user.v1.UserService`. */
  readonly contract: string;
  readonly clock: Clock;
  /** Called with each new state. */
  readonly changed: (health: WatchedHealth) => void;
}

// The first attempt after a lost stream finds out whether the server is away.
const retryDelayMs = backoff({ firstMs: 25, maxMs: 1_000, jitter: [0.8, 1.2] });

// Servers and proxies may end streams after a while. One that ends sooner has failed.
const stableMs = 5_000;

// How often to ask a server that has no health service whether it has one now.
const unimplementedDelayMs = 60_000;

/** Watches the health of a contract at an instance (gRFC A17), until the returned function is called. */
export function watchHealth({ transport, contract, clock, changed }: HealthWatchOptions): () => void {
  const ending = new AbortController();
  const { signal } = ending;
  let health: WatchedHealth = 'unknown';
  const show = (next: WatchedHealth) => {
    if (next === health || signal.aborted) return;
    health = next;
    changed(next);
  };
  // A server that waits for the end of its calls before it stops must not wait for this one.
  const call = { metadata: Metadata(), deadlineMs: undefined, signal, endsAtGoaway: true };

  const watch = async () => {
    for (let failures = 1; !signal.aborted; failures += 1) {
      let delayMs: number | undefined;
      const startMs = clock.elapsedMs();
      try {
        for await (const answer of transport().serverStreaming(watchMethod, { service: contract }, call)) {
          show(healthOf((answer as HealthCheckResponse).status));
        }
      } catch (error) {
        if (isUnimplemented(error)) {
          show('serving');
          delayMs = unimplementedDelayMs;
        } else if (error instanceof TransportError && error.unsent) show('away');
        // A server that drains ends its watches: it does not serve until it says so.
        else if (health === 'serving') show('unknown');
      }
      if (clock.elapsedMs() - startMs >= stableMs) failures = 1;
      await sleep(clock, delayMs ?? retryDelayMs(failures), signal);
    }
  };
  void runOutsideOfCalls(watch);
  return () => ending.abort();
}

function healthOf(status: ServingStatus): WatchedHealth {
  if (status === ServingStatus.SERVING) return 'serving';
  return status === ServingStatus.SERVICE_UNKNOWN ? 'not-served' : 'not-serving';
}

function isUnimplemented(error: unknown): boolean {
  return error instanceof TransportError && error.code === Status.UNIMPLEMENTED;
}
