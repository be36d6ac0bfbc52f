import type { ServerTrust } from '../config/server-trust.ts';
import { MeshError } from '../errors/mesh-error.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';
import { registryAnswerInvalid, registryRefused, registryUnavailable, serviceUnknown } from './errors.ts';

/** What the parts of discovery share. */
export interface DiscoveryParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** What adapters of registries over HTTP need in addition. */
export interface RegistryParts extends DiscoveryParts {
  /**
   * Returns how a registry over TLS is checked: by the authorities in `caFile`, else by those of the settings. Throws a
   * ConfigError if they cannot be read.
   */
  trustOf(caFile: string | undefined): ServerTrust;
}

/** Reports failures of a registry. */
export interface RegistryLog {
  /**
   * Counts a failure and logs it: the first one, and one each minute while it lasts. A registry that is away fails for all
   * services; that is one failure.
   */
  failed(service: string, error: unknown): void;
  /** Logs that the failure of `service` is over, if it was logged. */
  answered(service: string): void;
}

const repeatMs = 60_000;

const definitions = [registryUnavailable, registryRefused, registryAnswerInvalid, serviceUnknown];

interface Failure {
  readonly sinceMs: number;
  loggedMs: number;
}

/** `registry` is the registry as `DISCOVERY_URL` names it, without secrets. */
export function createRegistryLog(registry: string, { clock, logger, metrics }: DiscoveryParts): RegistryLog {
  const failures = new Map<string, Failure>();
  const failureOf = new Map<string, string>();
  const failed = metrics.counter(
    'ordermesh_discovery_failures_total',
    'Failed reads of the registry, and failed registrations.',
    ['reason'],
  );
  return {
    failed(service, error) {
      const reason = error instanceof MeshError ? error.reason : 'UNEXPECTED';
      failed.add({ reason });
      const key = serviceUnknown.is(error) ? `${reason} ${service}` : reason;
      const lastKey = failureOf.get(service);
      failureOf.set(service, key);
      // The last failure is over if no other service has it.
      if (lastKey !== undefined && ![...failureOf.values()].includes(lastKey)) failures.delete(lastKey);
      const nowMs = clock.elapsedMs();
      const known = failures.get(key);
      const remedy = definitions.find((definition) => definition.is(error))?.fix;
      const fields = {
        registry,
        service,
        err: error,
        remedy,
        failing_s: Math.round((nowMs - (known?.sinceMs ?? nowMs)) / 1000),
      };
      if (known && nowMs - known.loggedMs < repeatMs) return logger.debug(fields, failedText);
      failures.set(key, { sinceMs: known?.sinceMs ?? nowMs, loggedMs: nowMs });
      logger.warn(fields, failedText);
    },
    answered(service) {
      const key = failureOf.get(service);
      if (key === undefined) return;
      failureOf.delete(service);
      const failure = failures.get(key);
      if (!failures.delete(key) || !failure) return;
      const failedMs = Math.round(clock.elapsedMs() - failure.sinceMs);
      logger.info({ registry, service, failed_ms: failedMs }, 'registry answers again');
    },
  };
}

const failedText = 'registry failed; retrying, and using the last known instances';
