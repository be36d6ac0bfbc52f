import { Metadata } from 'nice-grpc-common';
import { uuidv7 } from '../../ids/ids.ts';
import type { CallScope } from '../../telemetry/call-scope.ts';
import { continueTrace } from '../../telemetry/trace-context.ts';

/**
 * What goes out with a call: the caller's metadata, and `x-request-id` and `traceparent` of the call that this one is
 * made for. Outside of any they are made new, so that a call can always be followed. What the caller set stays.
 */
export function callMetadata(given: Metadata | undefined, scope: CallScope | undefined): Metadata {
  const metadata = Metadata(given);
  if (!metadata.has('x-request-id')) metadata.set('x-request-id', scope?.requestId ?? uuidv7());
  if (!metadata.has('traceparent')) metadata.set('traceparent', scope?.traceparent ?? continueTrace(undefined));
  return metadata;
}
