import { createLease, defaultLeaseMs, prepareLease } from '../../leases/lease.ts';
import type { Storage } from '../../storage/storage.ts';
import { logFailedAttempt } from '../../telemetry/log-failed-attempt.ts';
import { sleep } from '../../time/sleep.ts';
import { within } from '../../time/within.ts';
import { brokerNotShared } from '../errors.ts';
import type { Broker, Runtime } from './service.ts';

/** The claim of a process that all processes on its database have their events, or their tasks, where it has them. */
export interface BrokerClaim {
  /**
   * Aborts with FAILED_PRECONDITION `BROKER_NOT_SHARED` when the claim is lost, permanently: this process was frozen, and
   * another one has started.
   */
  readonly lost: AbortSignal;
  /** Ends it, so another process can have it. If the database does not answer within `graceMs`, logs that. */
  release(graceMs: number): Promise<void>;
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

/** A release gets this much time even after the grace, so a database that answers has it. */
const minReleaseMs = 500;

/**
 * Claims that all processes which publish or handle the events, or the tasks, of a database have them in one place: on a
 * server, or in the log or queue that is embedded in this process. Events in the embedded log of another process would be in
 * no list here, and nothing here would handle them. Throws FAILED_PRECONDITION `BROKER_NOT_SHARED` if a process that runs has
 * them elsewhere. Waits for a claim that nobody renews until it expires.
 */
export async function claimBroker(options: BrokerClaimOptions): Promise<BrokerClaim> {
  const { service, storage, broker, embeddedId, clock, logger, draining, leaseMs = defaultLeaseMs } = options;
  const name = `${broker} of ${service}`;
  const holder = embeddedId ?? server;
  await prepareLease(storage, name);
  const lease = createLease(storage, name, { leaseMs, holder });
  const refusal = brokerNotShared({ service, broker, isEmbedded: embeddedId !== undefined });
  const lost = new AbortController();
  const released = new AbortController();
  await take();
  const renewing = renew();

  async function take(): Promise<void> {
    const start = await current();
    let isLogged = false;
    while (!(await lease.take(storage))) {
      // Somebody renews it. If it is a process that has the same server, this one may have it too.
      const now = await current();
      if (now.holder !== holder && now.untilMs > start.untilMs) throw refusal;
      if (!isLogged) logger.info({ service, broker, lease_ms: leaseMs }, 'waiting for the claim of another process');
      isLogged = true;
      await sleep(clock, leaseMs / 40, draining);
      draining.throwIfAborted();
    }
    if (!draining.aborted) return;
    await end();
    throw draining.reason;
  }

  async function current(): Promise<{ readonly holder: string; readonly untilMs: bigint }> {
    const sql = 'SELECT holder, until_ms FROM lease WHERE name = $1';
    const [row] = await storage.query<{ holder: string; until_ms: bigint }>(sql, [name]);
    return { holder: row?.holder ?? '', untilMs: row?.until_ms ?? 0n };
  }

  async function renew(): Promise<void> {
    let failures = 0;
    for (;;) {
      await sleep(clock, leaseMs / 3, released.signal);
      if (released.signal.aborted) return;
      try {
        if (!(await lease.take(storage))) return lost.abort(refusal);
        failures = 0;
      } catch (error) {
        failures += 1;
        const context = { err: error, service, broker };
        logFailedAttempt({ logger, clock, failures }, context, 'claim of a broker could not be renewed; retrying');
      }
    }
  }

  /** Other processes may use the same server: then it expires when none of them renews it. */
  async function end(): Promise<void> {
    if (embeddedId !== undefined) await lease.release(storage);
  }

  return {
    lost: lost.signal,
    async release(graceMs) {
      released.abort();
      try {
        await within(renewing.then(end), Math.max(graceMs, minReleaseMs), clock);
      } catch (error) {
        const text = 'claim of a broker cannot be released; other processes wait until it expires';
        logger.warn({ err: error, service, broker }, text);
      }
    },
  };
}

/** The claims of one service. */
export interface BrokerClaims {
  take(storage: Storage, brokers: readonly Broker[]): Promise<void>;
  /** Throws what a claim was lost with. */
  requireHeld(): void;
  release(graceMs: number): Promise<void>;
}

/** Creates the claims of a service, of which it has none yet. `onLost` is called for each that is lost. */
export function createBrokerClaims(runtime: Runtime, service: string, onLost: () => void): BrokerClaims {
  const claims: BrokerClaim[] = [];
  return {
    async take(storage, brokers) {
      for (const broker of brokers) {
        const claim = await claimBroker({
          ...runtime,
          service,
          storage,
          broker,
          embeddedId: runtime.embeddedIds[broker],
        });
        claims.push(claim);
        claim.lost.addEventListener('abort', onLost);
      }
    },
    requireHeld() {
      for (const { lost } of claims) lost.throwIfAborted();
    },
    async release(graceMs) {
      await Promise.all(claims.map((claim) => claim.release(graceMs)));
    },
  };
}
