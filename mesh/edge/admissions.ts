import type { Metrics } from '../metrics/metrics.ts';
import { LimitedAdmission } from '../server/policies/admission/limited-admission.ts';
import { countRefusals, measureAdmission } from '../server/policies/admission/measure-admission.ts';
import { type AdmissionPolicy, fixedLimits } from '../server/policies/admission/policy.ts';
import { ProcessLoad } from '../server/policies/admission/process-load.ts';
import { Turns } from '../server/policies/admission/turns.ts';
import type { CallerQuota } from './semantics/rate-limit.ts';

export interface AdmissionOptions {
  /** How many instances a contract's service has. */
  readonly instancesOf: (contract: string) => number;
  /** Bytes of waiting requests at which further ones are refused. */
  readonly maxWaitingBytes: number;
  readonly metrics: Metrics;
}

// An instance takes no more from one connection, and the client of the mesh has one.
const workingOfInstance = 128;
const workingOfPeer = 64;

/**
 * Returns the line in which the calls of a contract wait, whatever protocol they come by. Each caller has its turn: the service sees
 * only one caller, this process.
 */
export function createAdmissions({
  instancesOf,
  maxWaitingBytes,
  metrics,
}: AdmissionOptions): (contract: string) => LimitedAdmission {
  const turns = new Turns();
  // The handlers run elsewhere, so only the bytes that wait count here.
  const load = new ProcessLoad({ working: Number.POSITIVE_INFINITY, waitingBytes: maxWaitingBytes });
  const admissions = new Map<string, LimitedAdmission>();
  return (contract) => {
    const known = admissions.get(contract);
    if (known !== undefined) return known;
    const name = `http ${contract}`;
    const limits = perInstance(() => instancesOf(contract));
    const admission = new LimitedAdmission(limits, turns, load, countRefusals(metrics, name));
    measureAdmission(metrics, name, admission);
    admissions.set(contract, admission);
    return admission;
  };
}

function perInstance(count: () => number): AdmissionPolicy {
  return {
    ...fixedLimits({ workingPerConnection: workingOfPeer }),
    hasSlot: ({ working }) => working < workingOfInstance * Math.max(1, count()),
  };
}

/** What a caller may have in progress at an endpoint's service before its further requests wait. */
export function quotaOf({ admission }: { readonly admission: LimitedAdmission }, peer: string): CallerQuota {
  const { working, waiting } = admission.loadOf(peer) ?? { working: 0, waiting: 0 };
  return { limit: workingOfPeer, remaining: workingOfPeer - working - waiting };
}
