import type { ClientHttp2Stream, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { Metadata, type StatusObject } from '@grpc/grpc-js';
import { BaseServerInterceptingCall } from '@grpc/grpc-js/build/src/server-interceptors.js';
import { Http2SubchannelCall } from '@grpc/grpc-js/build/src/subchannel-call.js';
import { Status } from 'nice-grpc-common';

// Faults of grpc-js that only its private parts can fix. Its version is pinned, and the conformance suites find a fix that no
// longer works.

/** The part of grpc-js that finds messages in a body. */
export interface Decoder {
  readonly readState: number;
}

/** Whether the last message is incomplete. */
export function isMidway({ readState }: Decoder): boolean {
  // 0 is `ReadState.NO_DATA` of grpc-js.
  return readState !== 0;
}

interface ClientCall {
  readonly http2Stream: ClientHttp2Stream;
  readonly decoder: Decoder;
  finalStatus: StatusObject | null;
  /** Ends the call with a status. OK waits until all messages were read, and gives way to another status. */
  endCall(status: StatusObject): void;
  handleTrailers(headers: IncomingHttpHeaders): void;
  outputStatus(): void;
  tryPush(message: Buffer): void;
  cancelWithStatus(code: number, details: string): void;
}

const cutOff = statusOf(Status.INTERNAL, 'the response ends within a message');

const validStatus = /^(?:\d|1[0-6])$/;

/**
 * grpc-js reports an error of the server ahead of the messages that came before it, which are lost then; it reports OK even if
 * the last message is incomplete; and it accepts invalid statuses and message flags.
 */
export function fixClientCalls(): void {
  const call = Http2SubchannelCall.prototype as unknown as ClientCall;
  const { handleTrailers, outputStatus, tryPush } = call;
  check(handleTrailers, outputStatus, tryPush);
  /** What to report in place of an OK that waits for messages. */
  const errors = new WeakMap<StatusObject, StatusObject>();

  call.handleTrailers = function (this: ClientCall, headers) {
    const { endCall } = this;
    this.endCall = (status) => {
      this.endCall = endCall;
      if (status.code === Status.OK) {
        this.endCall(status);
        return;
      }
      const waiting = statusOf(Status.OK, '');
      errors.set(waiting, status);
      // No message comes after this.
      this.http2Stream.once('close', () => {
        if (this.finalStatus === waiting) this.endCall(status);
      });
      this.endCall(waiting);
    };
    const { 'grpc-status': status = '2' } = headers;
    const isValid = validStatus.test(String(status));
    handleTrailers.call(this, isValid ? headers : { ...headers, 'grpc-status': `${Status.UNKNOWN}` });
  };

  call.outputStatus = function (this: ClientCall) {
    const status = this.finalStatus;
    if (status !== null) {
      const isCutOff = status.code === Status.OK && isMidway(this.decoder);
      this.finalStatus = errors.get(status) ?? (isCutOff ? cutOff : status);
    }
    outputStatus.call(this);
  };

  call.tryPush = function (this: ClientCall, message) {
    const [flag = 0] = message;
    if (flag <= 1) tryPush.call(this, message);
    else this.cancelWithStatus(Status.INTERNAL, `message begins with the unknown flag ${flag}`);
  };
}

interface ServerCall {
  readonly stream: ServerHttp2Stream;
  readonly cancelled: boolean;
  decompressMessage(message: Buffer, encoding: string): Buffer | Promise<Buffer>;
  sendStatus(status: Partial<StatusObject>): void;
}

/** Is notified of the code with which a call ends. */
export type StatusListener = (code: Status) => void;

const statusListeners = new WeakMap<ServerHttp2Stream, StatusListener>();

/** Calls `listener` when the call of a stream ends with a status, also if grpc-js ends it by itself. Replaces another listener. */
export function listenForStatus(stream: ServerHttp2Stream, listener: StatusListener): void {
  statusListeners.set(stream, listener);
}

/**
 * grpc-js reads messages as uncompressed that are flagged as compressed, if there is no encoding; and it sends the text "OK"
 * with a status of OK, which should have none. It ends calls whose requests have faults without a notice.
 */
export function fixServerCalls(): void {
  const call = BaseServerInterceptingCall.prototype as unknown as ServerCall;
  const { decompressMessage, sendStatus } = call;
  check(decompressMessage, sendStatus);

  call.decompressMessage = function (this: ServerCall, message, encoding) {
    if (message[0] === 0 || encoding !== 'identity') return decompressMessage.call(this, message, encoding);
    return Promise.reject(
      statusOf(
        Status.INTERNAL,
        'compressed message cannot be decompressed: grpc-encoding is missing; check its sender',
      ),
    );
  };

  call.sendStatus = function (this: ServerCall, status) {
    const { stream } = this;
    if (!this.cancelled && !stream.destroyed && !stream.closed) statusListeners.get(stream)?.(status.code as Status);
    sendStatus.call(this, status.code === Status.OK ? { ...status, details: '' } : status);
  };
}

function statusOf(code: Status, details: string): StatusObject {
  return { code: code as number, details, metadata: new Metadata() };
}

function check(...methods: readonly unknown[]): void {
  if (methods.every((method) => typeof method === 'function')) return;
  throw new Error('the internals of this version of @grpc/grpc-js differ from 1.14: adapt library-fixes.ts');
}
