import { TimerWheel } from '../../../../time/timer-wheel.ts';
import type { EngineMethod, Transport } from '../../../engine.ts';
import type { ClientCallTools } from './client-call.ts';
import { Endpoint, type EndpointOptions } from './endpoint.ts';
import { sendEach, sendOne } from './request-pump.ts';
import { responseStream } from './response-stream.ts';
import { singleResponse } from './single-response.ts';

type AnyMethod = EngineMethod<unknown, unknown>;

const timers = new TimerWheel();

/** A transport to `host:port` on the native HTTP/2 engine. Responses above 4 MiB fail with RESOURCE_EXHAUSTED. */
export function connectNative(address: string, options: EndpointOptions = {}): Transport {
  const endpoint = new Endpoint(address, options);
  const tools: ClientCallTools = { open: (call) => endpoint.open(call), timers, maxReceiveBytes: 4 * 1024 * 1024 };
  return {
    unary: (method, request, call) => singleResponse(method as AnyMethod, call, tools, sendOne(request)),
    serverStreaming: (method, request, call) => responseStream(method as AnyMethod, call, tools, sendOne(request)),
    clientStreaming: (method, requests, call) => singleResponse(method as AnyMethod, call, tools, sendEach(requests)),
    bidiStreaming: (method, requests, call) => responseStream(method as AnyMethod, call, tools, sendEach(requests)),
    close: () => endpoint.close(),
  } as Transport;
}
