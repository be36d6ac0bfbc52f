import type { MethodContract } from '../contract/contract.ts';
import type { EngineCall, EngineHandler, MethodKind } from '../engines/engine.ts';
import { deadlineExceeded } from '../errors/mesh-error.ts';
import { runInScope } from '../telemetry/call-scope.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Admission } from './admission.ts';
import type { MeshCallContext } from './call-context.ts';
import { CallWatch, type WatchTools } from './call-watch.ts';
import { ResponseStream } from './response-stream.ts';
import { ServerCall } from './server-call.ts';
import { assertValid } from './validation.ts';

/** A method that the server calls: its contract and its handler, of whichever kind. */
export interface ServedMethod {
  readonly kind: MethodKind;
  readonly contract: MethodContract;
  readonly handle: (input: unknown, context: MeshCallContext) => unknown;
}

export interface ChainTools extends WatchTools {
  readonly clock: Clock;
  readonly admission: Admission;
}

/**
 * What happens to every call, between the engine and the handler, in this order: scope (request id, trace), deadline
 * and access log, admission, validation, handler, error gate.
 */
export function chain(method: ServedMethod, tools: ChainTools): EngineHandler<unknown, unknown> {
  const answerOne = (input: unknown, engineCall: EngineCall) => {
    const call = new ServerCall(engineCall, method.contract.timeoutMs, tools.clock);
    return runInScope(call, () => answer(method, tools, call, input));
  };
  const answerMany = (input: unknown, engineCall: EngineCall) => {
    const call = new ServerCall(engineCall, method.contract.timeoutMs, tools.clock);
    return new ResponseStream(call, tools, () => begin(method, tools, call, input) as AsyncIterable<unknown>);
  };
  switch (method.kind) {
    case 'unary':
    case 'client-streaming':
      return { kind: method.kind, handle: answerOne };
    case 'server-streaming':
    case 'bidi-streaming':
      return { kind: method.kind, handle: answerMany };
  }
}

async function answer(method: ServedMethod, tools: ChainTools, call: ServerCall, input: unknown): Promise<unknown> {
  const watch = new CallWatch(call, tools);
  try {
    const response = await begin(method, tools, call, input);
    watch.succeeded();
    return response;
  } catch (error) {
    throw watch.failed(error);
  }
}

function begin(
  { kind, contract, handle }: ServedMethod,
  { admission }: ChainTools,
  call: ServerCall,
  input: unknown,
): unknown {
  // Nobody waits for the answer any more.
  if (call.remainingMs() === 0) throw deadlineExceeded(call.path);
  admission.check();
  if (kind === 'unary' || kind === 'server-streaming') assertValid(contract, input);
  return handle(input, call);
}
