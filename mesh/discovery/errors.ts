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
