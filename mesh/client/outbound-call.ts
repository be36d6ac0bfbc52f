import type { CallOptions } from 'nice-grpc-common';
import type { TransportCall } from '../engines/engine.ts';
import { currentScope } from '../telemetry/call-scope.ts';
import type { Clock } from '../time/clock.ts';
import type { ClientMethod } from './client-method.ts';
import { callDeadline, type DeadlineOptions } from './policies/deadline.ts';
import { callMetadata } from './policies/metadata.ts';

/** What may be said of a call: nice-grpc's options and a deadline. */
export type MeshCallOptions = CallOptions & DeadlineOptions;

/** A call as all its tries go out: bounded by, traced as and cancelled with the call that it is made for. */
export function outboundCall(method: ClientMethod, options: MeshCallOptions, clock: Clock): TransportCall {
  const scope = currentScope();
  const time = { nowMs: clock.now(), timeoutMs: method.timeoutMs, scopeDeadlineMs: scope?.deadlineMs };
  return {
    deadlineMs: callDeadline(options, time),
    metadata: callMetadata(options.metadata, scope),
    signal: eitherSignal(options.signal, scope?.signal),
    onHeader: options.onHeader,
    onTrailer: options.onTrailer,
  };
}

function eitherSignal(one: AbortSignal | undefined, other: AbortSignal | undefined): AbortSignal | undefined {
  if (one === undefined || other === undefined || one === other) return one ?? other;
  return AbortSignal.any([one, other]);
}
