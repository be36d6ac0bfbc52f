import { Metadata, Status } from 'nice-grpc-common';
import { HealthCheckResponse_ServingStatus as ServingStatus } from '../../../gen/ts/grpc/health/v1/health.ts';
import type { Transport } from '../../engines/engine.ts';
import { TransportError } from '../../engines/transport-error.ts';

/** A server whose health and answers a test sets. */
export class FakeServer {
  /** What it says to a watch; an error ends the watch, `undefined` leaves it without an answer. */
  health: ServingStatus | TransportError | undefined = ServingStatus.SERVING;
  isSilent = false;
  /** Answers all calls but those of health. */
  answer: (() => unknown) | undefined;
  /** How many of them it got. */
  calls = 0;
  aborted = 0;
  probes = 0;
  /** What its transports report. */
  lastReceivedMs: number | undefined;
  #changed = Promise.withResolvers<void>();

  show(health: ServingStatus | TransportError): void {
    this.health = health;
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  connect(): Transport {
    const server = this;
    return {
      get lastReceivedMs() {
        return server.lastReceivedMs;
      },
      async *serverStreaming(_: unknown, __: unknown, { signal }: { signal: AbortSignal }) {
        for (;;) {
          const { health } = server;
          if (health instanceof Error) throw health;
          if (health !== undefined) yield { status: health };
          await server.#changed.promise;
          if (signal.aborted) return;
        }
      },
      async unary({ path }: { path: string }) {
        if (path !== '/grpc.health.v1.Health/Check') {
          server.calls += 1;
          return server.answer?.();
        }
        server.probes += 1;
        if (server.health === away) throw away;
        if (server.isSilent) throw new TransportError('/', Status.DEADLINE_EXCEEDED, 'deadline exceeded', Metadata());
        return { status: ServingStatus.SERVING };
      },
      close: () => undefined,
      abort: () => {
        server.aborted += 1;
      },
    } as unknown as Transport;
  }
}

/** Nothing listens at the address. */
export const away = new TransportError('/', Status.UNAVAILABLE, 'ECONNREFUSED', Metadata(), 'unsent');
export const lost = new TransportError('/', Status.UNAVAILABLE, 'the connection was lost', Metadata());
/** The server has no health service. */
export const unimplemented = new TransportError('/', Status.UNIMPLEMENTED, 'unknown service', Metadata());

/** Lets promises that are settled have their effects. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
}
