import { undecodableMessage } from '../../../../errors/errors.ts';
import type { EngineCall, EngineHandler, EngineMethod, ReadRequest } from '../../../engine.ts';
import { type AnsweredCall, answerMany, answerOnce } from './reply-pump.ts';

type RunningCall = AnsweredCall & EngineCall;
type Handler = EngineHandler<unknown, unknown>;

/** Runs the handler of a method with one request, and answers its call. */
export function runWithRequest(call: RunningCall, handler: Handler, read: ReadRequest<unknown>): void {
  try {
    if (handler.kind === 'unary') answerOnce(call, handler.handle(read, call));
    else if (handler.kind === 'server-streaming') answerMany(call, handler.handle(read, call));
  } catch (error) {
    call.fail(error);
  }
}

/** Runs the handler of a method with a stream of requests, and answers its call. */
export function runWithRequests(call: RunningCall, handler: Handler, requests: AsyncIterable<unknown>): void {
  try {
    if (handler.kind === 'client-streaming') answerOnce(call, handler.handle(requests, call));
    else if (handler.kind === 'bidi-streaming') answerMany(call, handler.handle(requests, call));
  } catch (error) {
    call.fail(error);
  }
}

/** Decodes a request of a method. Throws INVALID_ARGUMENT `UNDECODABLE_MESSAGE` if it cannot be decoded. */
export function decodeRequest(method: EngineMethod<unknown, unknown>, bytes: Uint8Array): unknown {
  try {
    return method.decodeRequest(bytes);
  } catch (error) {
    throw undecodableMessage({ path: method.path }, { cause: error });
  }
}
