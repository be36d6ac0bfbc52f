import { Metadata, Status } from 'nice-grpc-common';
import { systemClock } from '../../../telemetry/clock.ts';
import type { EngineMethod, Transport, TransportCall } from '../../engine.ts';
import { TransportError } from '../../transport-error.ts';
import { type CallHooks, type CallListener, ClientCall, type ClientCallTools } from './client-call.ts';
import { createEndpoint } from './endpoint.ts';
import { MessageQueue } from './message-queue.ts';
import { pumpRequests } from './request-pump.ts';
import { TimerWheel } from './timer-wheel.ts';

type AnyMethod = EngineMethod<unknown, unknown>;

const timers = new TimerWheel();

/** A transport to `host:port` on HTTP/2 of our own. Responses over 4 MiB fail with RESOURCE_EXHAUSTED. */
export function connectNative(address: string): Transport {
  const endpoint = createEndpoint(address, systemClock);
  const tools: ClientCallTools = { open: endpoint.open, timers, maxReceiveBytes: 4 * 1024 * 1024 };
  return {
    unary: (method, request, call) =>
      one(method as AnyMethod, call, tools, (started) => started.send(method.encodeRequest(request), true)),
    serverStreaming: (method, request, call) =>
      many(method as AnyMethod, call, tools, (started) => started.send(method.encodeRequest(request), true)),
    clientStreaming: (method, requests, call) =>
      one(method as AnyMethod, call, tools, (started, onEnded) =>
        pumpRequests(started, requests, method.encodeRequest, onEnded),
      ),
    bidiStreaming: (method, requests, call) =>
      many(method as AnyMethod, call, tools, (started, onEnded) =>
        pumpRequests(started, requests, method.encodeRequest, onEnded),
      ),
    close: () => endpoint.close(),
  } as Transport;
}

/** Begins to send; may take the listener's place to learn of room and of the end. */
type Begin = (call: ClientCall, hooks: CallHooks) => void;

function one(method: AnyMethod, call: TransportCall, tools: ClientCallTools, begin: Begin): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let received: Buffer | undefined;
    const hooks: CallHooks = {};
    const listener: CallListener = {
      onMessage: (bytes) => {
        received = bytes;
      },
      onBytes: (bytes) => started.consumed(bytes),
      onRoom: () => hooks.onRoom?.(),
      onEnd(error) {
        hooks.onEnd?.();
        if (hooks.fault) return reject(hooks.fault.error);
        if (error !== undefined) return reject(error);
        if (received === undefined) return reject(fault(method, 'the server answered OK without a message'));
        try {
          resolve(method.decodeResponse(received));
        } catch (cause) {
          reject(fault(method, `the response cannot be decoded: ${cause}`));
        }
      },
    };
    const started = new ClientCall(method, call, listener, tools);
    begin(started, hooks);
  });
}

/** The responses of a call, which is begun when the first is asked for. Leaving the loop cancels the call. */
function many(
  method: AnyMethod,
  call: TransportCall,
  tools: ClientCallTools,
  begin: Begin,
): AsyncIterableIterator<unknown, undefined> {
  let started: ClientCall | undefined;
  const decode = (bytes: Buffer): unknown => {
    try {
      return method.decodeResponse(bytes);
    } catch (cause) {
      const error = fault(method, `the response cannot be decoded: ${cause}`);
      started?.cancel(Status.INTERNAL, error.details);
      throw error;
    }
  };
  const queue = new MessageQueue<unknown>(
    decode,
    (bytes) => started?.consumed(bytes),
    () => started?.cancel(Status.CANCELLED, 'the reader has left'),
  );
  const start = () => {
    const hooks: CallHooks = {};
    const listener: CallListener = {
      onMessage: (bytes) => queue.push(bytes),
      onBytes: (bytes) => queue.received(bytes),
      onRoom: () => hooks.onRoom?.(),
      onEnd(error) {
        hooks.onEnd?.();
        queue.finish(hooks.fault ? hooks.fault.error : error);
      },
    };
    started = new ClientCall(method, call, listener, tools);
    begin(started, hooks);
  };
  return {
    next() {
      if (started === undefined && !queue.over) start();
      return queue.next();
    },
    return: () => queue.return(),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

function fault(method: AnyMethod, details: string): TransportError {
  return new TransportError(method.path, Status.INTERNAL, details, Metadata());
}
