import type { Channel, InterceptingListener, StatusObject } from '@grpc/grpc-js';
import { Metadata, Status } from 'nice-grpc-common';
import { isGrpcType } from '../../content-type.ts';
import type { TransportCall } from '../../engine.ts';
import { type CallFate, TransportError } from '../../transport-error.ts';
import { fromWireMetadata, toWireMetadata } from '../metadata.ts';

/** A call of grpc-js below its client classes, without emitters and interceptors. */
export type WireCall = ReturnType<Channel['createCall']>;

/** Receives what happens to a call. Exactly one `onEnd` ends it. */
export interface WireListener {
  onMessage(bytes: Buffer): void;
  /** `error` is `undefined` if the status is OK. */
  onEnd(error: unknown): void;
  /** The server refused it. Returns true if the call is retried; then `onEnd` is not called. */
  onRefused?(): boolean;
}

// The text of grpc-js for a stream that was refused, or that it could not open because the connection is ending.
const refusedText = 'Stream refused by server';

// The text of grpc-js for a stream that the server cancelled.
const cancelledText = 'Call cancelled';

/** The text of a call that was aborted with its connection. */
export const abortedText = 'the connection was lost';

// The texts of grpc-js for a connection that was lost, and ours.
const lostText = new RegExp(`^(?:Connection dropped|${abortedText}|.*\\b(?:ECONNRESET|ETIMEDOUT))$`);

// Servers on grpc-js keep a timeout as a 32-bit number of milliseconds and misread longer ones.
const maxTimeoutMs = 24 * 60 * 60 * 1000;

// The texts of grpc-js for a message that is larger than this side accepts. Its servers have the same for that of a request.
const tooLargeText = /^Received message (?:larger than max|that decompresses to a size larger than)/;

export interface WireCallOptions {
  readonly channel: Channel;
  readonly path: string;
  readonly call: TransportCall;
  readonly listener: WireListener;
  /** Returns a better text than that of grpc-js for a call that reached no server. */
  readonly explain: (details: string) => string;
  /** Called when the call has its status. */
  readonly ended: (wire: WireCall) => void;
}

/** Starts a call. Its deadline is sent as `grpc-timeout`; when its signal aborts, it ends immediately. */
export function startWireCall({ channel, path, call, listener, explain, ended }: WireCallOptions): WireCall {
  const deadline = call.deadlineMs === undefined ? Infinity : Math.min(call.deadlineMs, Date.now() + maxTimeoutMs);
  const metadata = toWireMetadata(call.metadata);
  const wire = channel.createCall(path, deadline, null, null, null);
  const { signal } = call;
  const abort = () => wire.cancelWithStatus(...abortStatus(call));
  let contentType = 'application/grpc';
  let hasBegun = false;
  const wireListener: InterceptingListener = {
    onReceiveMetadata(header) {
      hasBegun = true;
      contentType = String(header.get('content-type')[0] ?? '');
      call.onHeader?.(fromWireMetadata(header));
    },
    onReceiveMessage: (bytes) => listener.onMessage(bytes),
    onReceiveStatus(status) {
      signal?.removeEventListener('abort', abort);
      ended(wire);
      const isRefused = status.code === Status.UNAVAILABLE && status.details === refusedText && !hasBegun;
      if (isRefused && listener.onRefused?.()) return;
      // A call that got a connection has its peer, and not the name that the channel was created with.
      const unsent = isRefused || (status.code === Status.UNAVAILABLE && wire.getPeer() === channel.getTarget());
      if (unsent) return listener.onEnd(unsentError(path, explain(status.details)));
      call.onTrailer?.(fromWireMetadata(status.metadata));
      // grpc-js does not look at it.
      const isGrpc = status.code !== Status.OK || isGrpcType(contentType);
      listener.onEnd(
        isGrpc ? statusError(path, status, { call, hasBegun }) : localError(path, ...notGrpc(contentType)),
      );
    },
  };
  wire.start(metadata, wireListener);
  if (signal?.aborted) abort();
  else signal?.addEventListener('abort', abort, { once: true });
  return wire;
}

function notGrpc(contentType: string): [code: Status, details: string] {
  return [Status.UNKNOWN, `the response is not gRPC: its content-type is "${contentType}"`];
}

/** The failure of a call that no handler can have seen. */
export function unsentError(path: string, details: string): TransportError {
  return new TransportError(path, Status.UNAVAILABLE, details, Metadata(), 'unsent');
}

/** The failure of a call that this side detected. */
export function localError(path: string, code: Status, details: string): TransportError {
  return new TransportError(path, code, details, Metadata());
}

/** The text for a response that cannot be decoded. */
export function undecodableText(fault: unknown): string {
  return `the response cannot be decoded: ${fault}`;
}

// The signal of a call scope also aborts when the deadline passes, sometimes before grpc-js sees it pass.
function abortStatus(call: TransportCall): [code: number, details: string] {
  return isOverdue(call)
    ? [Status.DEADLINE_EXCEEDED, 'deadline exceeded']
    : [Status.CANCELLED, 'the caller cancelled the call'];
}

function isOverdue({ deadlineMs }: TransportCall): boolean {
  return deadlineMs !== undefined && Date.now() >= deadlineMs;
}

function statusError(
  path: string,
  { code, details, metadata }: StatusObject,
  { call, hasBegun }: { readonly call: TransportCall; readonly hasBegun: boolean },
): TransportError | undefined {
  if (code === Status.OK) return undefined;
  // grpc-js ends the call with an error instead of a status.
  if (code === undefined) return localError(path, Status.INTERNAL, 'the response cannot be decompressed');
  // A server cancels a call after its deadline, sometimes before grpc-js sees it pass.
  if (code === Status.CANCELLED && details === cancelledText && isOverdue(call))
    return localError(path, Status.DEADLINE_EXCEEDED, 'deadline exceeded');
  return new TransportError(
    path,
    code as number,
    details,
    fromWireMetadata(metadata),
    fateOf({ code, details }, hasBegun),
  );
}

function fateOf({ code, details }: Pick<StatusObject, 'code' | 'details'>, hasBegun: boolean): CallFate | undefined {
  if (code === Status.UNAVAILABLE && lostText.test(details)) return 'lost';
  if (code === Status.RESOURCE_EXHAUSTED && hasBegun && tooLargeText.test(details)) return 'too-large';
  return code === Status.UNIMPLEMENTED && !hasBegun ? 'unimplemented' : undefined;
}

// `WriteFlags.NoCompress` of grpc-js, which it does not export as a value.
const noCompress = 2;

/** The write flags for a request. On a channel that compresses, they leave one uncompressed. */
export function writeContext({ compressRequests }: TransportCall, request: unknown): { flags?: number } {
  if (typeof compressRequests !== 'function' || compressRequests(request)) return {};
  return { flags: noCompress };
}
