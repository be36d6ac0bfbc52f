import { Status } from 'nice-grpc-common';
import { defineError } from '../errors/define-error.ts';

export const noEndpoints = defineError({
  reason: 'NO_ENDPOINTS',
  code: Status.UNAVAILABLE,
  means: 'discovery knows no instance of a service that can take calls',
  fix: 'start the service, or check its entry in the registry of `DISCOVERY_URL`',
  text: ({ service, registry }: { readonly service: string; readonly registry: string }) =>
    `${service} has no instance that takes calls (${registry}): start one, or check DISCOVERY_URL`,
  publicText: ({ service }) => `${service} has no instance that takes calls: retry later`,
  metadata: ({ service }) => ({ service }),
});

/** A registry that has failed, as `DISCOVERY_URL` names it, and how. */
interface RegistryFault {
  /** `dns://10.0.0.10`, without secrets. */
  readonly registry: string;
  /** Completes "registry … failed". */
  readonly problem: string;
}

export const registryUnavailable = defineError({
  reason: 'REGISTRY_UNAVAILABLE',
  code: Status.UNAVAILABLE,
  means: 'the registry of `DISCOVERY_URL` cannot be reached, is too slow or reports a fault of its own',
  fix: 'check that the registry runs and that this machine can reach it; calls use the last known instances until it answers',
  seenIn: 'logs',
  text: ({ registry, problem }: RegistryFault) => `registry ${registry} is unavailable (${problem})`,
});

export const registryRefused = defineError({
  reason: 'REGISTRY_REFUSED',
  code: Status.UNAVAILABLE,
  means: 'the registry of `DISCOVERY_URL` does not accept the credentials of this process',
  fix: 'check the token, user or role in `DISCOVERY_URL`; calls use the last known instances',
  seenIn: 'logs',
  text: ({ registry, problem }: RegistryFault) => `registry ${registry} refused a request (${problem})`,
});

export const registryAnswerInvalid = defineError({
  reason: 'REGISTRY_ANSWER_INVALID',
  code: Status.UNAVAILABLE,
  means: 'the registry of `DISCOVERY_URL` sent an answer that cannot be read, is too long or is a redirect',
  fix: 'check that `DISCOVERY_URL` names a registry of its scheme and not a proxy or another server; calls use the last known instances',
  seenIn: 'logs',
  text: ({ registry, problem }: RegistryFault) => `registry ${registry} sent an answer that is not valid (${problem})`,
});

export const serviceUnknown = defineError({
  reason: 'SERVICE_UNKNOWN',
  code: Status.UNAVAILABLE,
  means: 'the registry of `DISCOVERY_URL` has no entry of a service; instances that were known before are kept',
  fix: 'start the service, or check its name in the registry against `DISCOVERY_URL`',
  seenIn: 'logs',
  text: ({ service, registry, problem }: RegistryFault & { readonly service: string }) =>
    `registry ${registry} has no entry of ${service} (${problem})`,
});
