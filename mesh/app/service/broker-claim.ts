import { createLease, defaultLeaseMs, prepareLease } from '../../leases/lease.ts';
import type { Storage } from '../../storage/storage.ts';
import { logFailedAttempt } from '../../telemetry/log-failed-attempt.ts';
import { sleep } from '../../time/sleep.ts';
import { brokerNotShared } from '../errors.ts';
import type { Broker, Runtime } from './service.ts';

/** The claim of a process that all processes on its database get their events, or their tasks, where it gets them. */
export interface BrokerClaim {
  /** Throws FAILED_PRECONDITION `BROKER_NOT_SHARED` while it is lost: this process was frozen, and another one has started. */
  requireHeld(): void;
  /** Ends it, so another process can have it. */
  release(): Promise<void>;
}

export interface BrokerClaimOptions extends Pick<Runtime, 'clock' | 'logger' | 'draining'> {
  readonly service: string;
  readonly storage: Storage;
  readonly broker: Broker;
  /** The id of the embedded event log or task queue. `undefined`: it is on a server, which all processes may share. */
  readonly embeddedId: string | undefined;
  /** How long the claim of a process that died excludes others. Default: 10 s. */
  readonly leaseMs?: number;
}

/** Holds the claim of all processes that use a server. */
const server = 'server';

/**
 * Claims that all processes which handle the events, or the tasks, of a database get them from one place: a server, or the
 * log or queue that is embedded in this process. What another process had in its own would be in no list here, and would wait
 * there until that process starts again. Throws FAILED_PRECONDITION `BROKER_NOT_SHARED` if another process gets them elsewhere.
 * A claim that nobody renews excludes others until it expires.
 */
export async function claimBroker(options: BrokerClaimOptions): Promise<BrokerClaim> {
  const { service, storage, broker, embeddedId, clock, logger, draining, leaseMs = defaultLeaseMs } = options;
  const name = `${broker} of ${service}`;
  await prepareLease(storage, name);
  const lease = createLease(storage, name, { leaseMs, holder: embeddedId ?? server });
  const refusal = brokerNotShared({ service, broker, isEmbedded: embeddedId !== undefined });
  const startMs = await untilMs();
  while (!(await lease.take(storage))) {
    // Somebody renews it.
    if ((await untilMs()) > startMs) throw refusal;
    await sleep(clock, leaseMs / 40, draining);
    draining.throwIfAborted();
  }
  const released = new AbortController();
  let isHeld = true;
  const renewing = renew();

  async function untilMs(): Promise<bigint> {
    const [row] = await storage.query<{ until_ms: bigint }>('SELECT until_ms FROM lease WHERE name = $1', [name]);
    return row?.until_ms ?? 0n;
  }

  async function renew(): Promise<void> {
    let failures = 0;
    for (;;) {
      await sleep(clock, leaseMs / 3, released.signal);
      if (released.signal.aborted) return;
      try {
        isHeld = await lease.take(storage);
        failures = 0;
      } catch (error) {
        failures += 1;
        const context = { err: error, service, broker };
        logFailedAttempt({ logger, clock, failures }, context, 'claim of a broker could not be renewed; retrying');
      }
    }
  }

  return {
    requireHeld() {
      if (!isHeld) throw refusal;
    },
    async release() {
      released.abort();
      await renewing;
      // Other processes use the same server.
      if (embeddedId !== undefined) await lease.release(storage);
    },
  };
}
