import type { EngineMethod, Transport } from '../../../engine.ts';
import type { BeginCall } from './call-listener.ts';
import { sendEach, sendOne } from './request-pump.ts';
import { responseStream } from './response-stream.ts';
import { singleResponse } from './single-response.ts';

type AnyMethod = EngineMethod<unknown, unknown>;

/** The four kinds of calls of a transport. */
export type Calls = Pick<Transport, 'unary' | 'serverStreaming' | 'clientStreaming' | 'bidiStreaming'>;

/** Returns the four kinds of calls, each of which `begin` begins. */
export function makeCalls(begin: BeginCall): Calls {
  return {
    unary: (method, request, call) => singleResponse(method as AnyMethod, call, begin, sendOne(request)),
    serverStreaming: (method, request, call) => responseStream(method as AnyMethod, call, begin, sendOne(request)),
    clientStreaming: (method, requests, call) => singleResponse(method as AnyMethod, call, begin, sendEach(requests)),
    bidiStreaming: (method, requests, call) => responseStream(method as AnyMethod, call, begin, sendEach(requests)),
  } as Calls;
}
