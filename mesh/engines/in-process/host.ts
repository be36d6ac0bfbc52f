import { Metadata, Status } from 'nice-grpc-common';
import { TimerWheel } from '../../time/timer-wheel.ts';
import type { ConnectionPeer } from '../connection-peer.ts';
import type { EngineHandler, EngineMethod, ServerHostOptions } from '../engine.ts';
import { noObserver } from '../host-observer.ts';
import { goawayStatus, metadataStatus, resetError } from '../native/grpc/client/response-status.ts';
import { fieldsOf } from '../native/grpc/metadata-fields.ts';
import { ErrorCode } from '../native/http2/codec/frames.ts';
import { listBytes } from '../native/http2/hpack/tables/dynamic-table.ts';
import { TransportError } from '../transport-error.ts';
import { type HostedMethod, type InProcessStart, maxMetadataBytes } from './call-start.ts';
import type { ClientHalf, InProcessTools } from './client-half.ts';
import { ManyRequestsCall } from './many-requests-call.ts';
import { OneRequestCall } from './one-request-call.ts';

/** Answers the calls of its own process. */
export class InProcessHost {
  readonly #methods = new Map<string, HostedMethod>();
  readonly #calls = new Set<ClientHalf>();
  readonly #tools: InProcessTools;
  #drained: (() => void) | undefined;
  #draining = false;
  #closed = false;

  constructor({ maxReceiveBytes = 4 * 1024 * 1024, toStatus, observer = noObserver }: ServerHostOptions) {
    const ended = (call: ClientHalf) => {
      this.#calls.delete(call);
      if (this.#calls.size === 0) this.#drained?.();
    };
    this.#tools = { maxReceiveBytes, toStatus, observer, timers: new TimerWheel(), ended };
  }

  add<Request, Response>(method: EngineMethod<Request, Response>, handler: EngineHandler<Request, Response>): void {
    this.#methods.set(method.path, { method, handler } as HostedMethod);
  }

  serves(path: string): boolean {
    return this.#methods.has(path);
  }

  /** Begins a call of a method that it serves. */
  begin(start: InProcessStart): ClientHalf {
    const { path } = start.method;
    const hosted = this.#methods.get(path) as HostedMethod;
    const fields = fieldsOf(start.call.metadata);
    const { kind } = hosted.handler;
    const streamsRequests = kind === 'client-streaming' || kind === 'bidi-streaming';
    const InProcess = streamsRequests ? ManyRequestsCall : OneRequestCall;
    const call = new InProcess(hosted, start, fields, this.#tools);
    this.#calls.add(call);
    // The end comes in a microtask, because the caller needs the call before its end.
    if (this.#closed || (this.#draining && call.endsAtGoaway)) queueMicrotask(() => call.end(stopped(path), undefined));
    else if (listBytes(fields) > maxMetadataBytes)
      queueMicrotask(() => call.cancel(...metadataStatus(maxMetadataBytes)));
    return call;
  }

  /** Ends the calls that end when their server begins to drain; no more of them begin. Others may: open calls make them. */
  announceDrain(): void {
    this.#draining = true;
    for (const call of this.#calls) if (call.endsAtGoaway) call.cancel(...goawayStatus);
  }

  /** Resolves when the open calls have ended; ends those that are left after `graceMs`. */
  async drain(graceMs: number): Promise<void> {
    this.#closed = true;
    if (this.#calls.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#drained = resolve;
    const over = setTimeout(() => this.endCalls(), graceMs);
    await promise;
    clearTimeout(over);
  }

  /** Ends the open calls, or those of one client, as if their connection were lost. */
  endCalls(from?: ConnectionPeer): void {
    for (const call of this.#calls) {
      if (from !== undefined && call.from !== from) continue;
      call.end(resetError(call.path, ErrorCode.CONNECT_ERROR, call.deadlineMs, false), undefined);
    }
  }
}

function stopped(path: string): TransportError {
  return new TransportError(
    path,
    Status.UNAVAILABLE,
    'the server of this process is ending or has ended',
    Metadata(),
    'unsent',
  );
}
