import type { Endpoints } from '../balancing/endpoints.ts';
import type { Config } from '../config/config.ts';
import { fullNameOf } from '../contract/contract.ts';
import { contractDescriptors, readDeclaredServices } from '../contract/declared-services.ts';
import { type Discovery, serviceNameOf } from '../discovery/discovery.ts';
import type { Engine } from '../engines/engine.ts';
import { forwardingNeedsNative } from '../engines/errors.ts';
import type { Forwarder } from '../engines/forwarding.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Authenticator } from '../security/authenticator.ts';
import type { ProcessTls } from '../security/tls/process-tls.ts';
import { createForwarder } from '../server/forwarding/forwarder.ts';
import type { Health } from '../server/health/health.ts';
import { mergeHealth } from '../server/health/merge.ts';
import { type MergedReflection, mergeReflection } from '../server/reflection/merge.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';
import { sleep } from '../time/sleep.ts';
import { findServices } from './registry.ts';
import type { Service } from './service/service.ts';

/** How often the instances are asked for their contracts. */
const listMs = 10_000;

export interface ForwardingParts {
  readonly config: Pick<Config, 'grpcMaxWaitingBytes' | 'grpcKeepaliveMs'>;
  /** Finds out who makes calls. `undefined`: nobody does here. */
  readonly authenticator: Authenticator | undefined;
  readonly engine: Engine;
  readonly endpoints: Endpoints;
  readonly discovery: Pick<Discovery, 'scheme' | 'knows'>;
  readonly health: Health;
  readonly draining: AbortSignal;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly tls: ProcessTls | undefined;
}

/** What a process needs to answer for other processes. */
export interface OpenForwarding {
  readonly forwarder: Forwarder;
  readonly reflection: MergedReflection;
  close(): void;
}

/**
 * Opens the forwarding of the service that has `forwards`; `undefined` if there is none. Throws FAILED_PRECONDITION
 * `FORWARDING_NEEDS_NATIVE` on an engine that cannot forward.
 */
export async function openForwarding(
  services: readonly Service[],
  parts: ForwardingParts,
): Promise<OpenForwarding | undefined> {
  const [service, second] = services.filter(({ forwards }) => forwards !== undefined);
  if (service?.forwards === undefined) return undefined;
  if (second) throw new TypeError(`${service.name} and ${second.name} both forward calls: a process has one of them`);
  const { config, tls, engine, endpoints, discovery, health, clock } = parts;
  const { connectRaw } = engine;
  if (connectRaw === undefined) throw forwardingNeedsNative({ service: service.name, engine: engine.name });
  const own = new Set(services.flatMap(({ serves }) => serves.map(({ contract }) => fullNameOf(contract))));
  const declared = (await readDeclaredServices(contractDescriptors)).filter((contract) => !own.has(contract));
  // A registry lists its services once it was asked for them.
  endpoints.names();
  // Whoever asks what there is should not have to call it first.
  const names = [...new Set(declared.map(serviceNameOf))].filter((name) => discovery.knows(name) !== 'no');
  await findServices(names, parts);
  const keepalive = config.grpcKeepaliveMs === 0 ? undefined : { everyMs: config.grpcKeepaliveMs };
  const forwarder = createForwarder({
    ...parts,
    routeOf: service.forwards,
    connect: (address, name) => connectRaw(address, { keepalive, tls: tls?.clientOf(name) }),
    provesService: tls?.isMutual,
    registry: discovery.scheme,
    maxWaitingBytes: config.grpcMaxWaitingBytes,
    descriptors: contractDescriptors,
  });
  const merged = mergeHealth({ endpoints, health });
  merged.add(declared);
  const found = (contracts: readonly string[]) => merged.add(contracts.filter((contract) => !own.has(contract)));
  const reflection = mergeReflection({ endpoints, declared, found, clock });
  // The health of contracts that only the instances know, which may start later than this process.
  await reflection.list();
  const closing = new AbortController();
  const keepListed = async () => {
    while (!closing.signal.aborted) {
      await sleep(clock, listMs, closing.signal);
      if (!closing.signal.aborted) await reflection.list();
    }
  };
  void keepListed();
  return {
    forwarder,
    reflection,
    close() {
      closing.abort();
      merged.close();
      forwarder.close();
    },
  };
}
