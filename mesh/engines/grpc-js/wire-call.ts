import type { Channel, InterceptingListener, StatusObject } from '@grpc/grpc-js';
import { Metadata, Status } from 'nice-grpc-common';
import type { TransportCall } from '../engine.ts';
import { TransportError } from '../transport-error.ts';
import { fromWireMetadata, toWireMetadata } from './metadata.ts';

/** A call of grpc-js below its client classes: no emitters, no interceptors. */
export type WireCall = ReturnType<Channel['createCall']>;

/** What is told of a call that was started. Exactly one `onEnd` ends it. */
export interface WireListener {
  onMessage(bytes: Buffer): void;
  /** `undefined` when the status was OK. */
  onEnd(error: unknown): void;
  /** The server took nothing of it. True when it is made again: then this one has no end. */
  onRefused?(): boolean;
}

// What grpc-js says of a stream that was refused, also of one that it could not open since the connection is ending.
const refusedText = 'Stream refused by server';

// Servers on grpc-js take a timeout as a 32-bit number of milliseconds and misread longer ones.
const longestTimeoutMs = 24 * 60 * 60 * 1000;

/**
 * Starts a call. Its deadline goes out as `grpc-timeout`; when its signal aborts it ends at once. `explain` may say better
 * than grpc-js what it failed with.
 */
export function startWireCall(
  channel: Channel,
  path: string,
  call: TransportCall,
  listener: WireListener,
  explain: (details: string) => string,
): WireCall {
  const deadline = call.deadlineMs === undefined ? Infinity : Math.min(call.deadlineMs, Date.now() + longestTimeoutMs);
  const metadata = toWireMetadata(call.metadata);
  const wire = channel.createCall(path, deadline, null, null, null);
  const { signal } = call;
  const abort = () => wire.cancelWithStatus(...abortStatus(call));
  const wireListener: InterceptingListener = {
    onReceiveMetadata: (header) => call.onHeader?.(fromWireMetadata(header)),
    onReceiveMessage: (bytes) => listener.onMessage(bytes),
    onReceiveStatus(status) {
      signal?.removeEventListener('abort', abort);
      const isRefused = status.code === Status.UNAVAILABLE && status.details === refusedText;
      if (isRefused && listener.onRefused?.()) return;
      call.onTrailer?.(fromWireMetadata(status.metadata));
      listener.onEnd(statusError(path, status, explain));
    },
  };
  wire.start(metadata, wireListener);
  if (signal?.aborted) abort();
  else signal?.addEventListener('abort', abort, { once: true });
  return wire;
}

/** The failure of a call that this side found out about. */
export function localError(path: string, code: Status, details: string): TransportError {
  return new TransportError(path, code, details, Metadata());
}

/** What is said of a response that is no message of its type. */
export function undecodableText(fault: unknown): string {
  return `the response cannot be decoded: ${fault}`;
}

// The signal of a call scope also aborts when the deadline passes, sometimes before grpc-js sees it pass.
function abortStatus({ deadlineMs }: TransportCall): [code: number, details: string] {
  return deadlineMs !== undefined && Date.now() >= deadlineMs
    ? [Status.DEADLINE_EXCEEDED, 'the time of the call was over']
    : [Status.CANCELLED, 'the call was given up by its caller'];
}

function statusError(
  path: string,
  { code, details, metadata }: StatusObject,
  explain: (details: string) => string,
): TransportError | undefined {
  if (code === Status.OK) return undefined;
  const text = code === Status.UNAVAILABLE ? explain(details) : details;
  return new TransportError(path, code as number, text, fromWireMetadata(metadata));
}
