import type { MethodContract } from '../contract/contract.ts';
import type { EngineCall, EngineHandler, MethodKind, ReadRequest } from '../engines/engine.ts';
import { cancelled, invalidRequest } from '../errors/errors.ts';
import type { Once } from '../idempotency/idempotency.ts';
import type { Caller } from '../identity/caller.ts';
import type { OperatorActions } from '../operator-actions/operator-actions.ts';
import type { Authenticator } from '../security/authenticator.ts';
import type { MethodAccess } from '../security/authorization/method-access.ts';
import type { MixedAuthentication } from '../security/identity/mixed-authentication.ts';
import { runInScope } from '../telemetry/call-scope.ts';
import type { Clock } from '../time/clock.ts';
import type { MeshCallContext } from './call-context.ts';
import { requestIdMissing } from './errors.ts';
import { HandlerContext } from './handler-context.ts';
import type { Admission, Place, Work } from './policies/admission/admission.ts';
import { CallWatch, type WatchTools } from './policies/call-watch.ts';
import { isDryRun, recordedResponse, recordedResponses } from './policies/operator-action.ts';
import { onceForOwner, ownResponse, ownResponses } from './policies/ownership.ts';
import type { RateLimit } from './policies/rate-limit/rate-limit.ts';
import { requestsUntilExpiry } from './policies/requests-until-expiry.ts';
import { ResponseStream } from './response-stream.ts';

/** A method that the server calls: its contract and its handler, of any kind. */
export interface ServedMethod {
  readonly kind: MethodKind;
  readonly contract: MethodContract;
  readonly handle: (input: unknown, context: MeshCallContext) => unknown;
  readonly encode: (response: unknown) => Uint8Array;
  /** Returns the `once` of a call; `undefined` if the method is not idempotent by `request_id`. */
  readonly onceFor: ((request: never, onRepeated: () => void) => Once<unknown>) | undefined;
  /** Where the changes of operators are recorded; `undefined`: in the log only. */
  readonly actions: OperatorActions | undefined;
}

export interface ChainTools extends WatchTools {
  readonly clock: Clock;
  readonly admission: Admission;
  /** Finds out who calls. `undefined`: calls are not authenticated, and everyone may do everything. */
  readonly authenticator: Authenticator | undefined;
  /** Who may call the method. */
  readonly access: MethodAccess;
  /** How often each caller may call the method. `undefined`: as often as there is room. */
  readonly rateLimit: RateLimit | undefined;
  /** Notices calls that say who makes them, where nobody asks. */
  readonly mixed: Pick<MixedAuthentication, 'checkUnasked'>;
}

/** Reads the handler's input: the request, or the stream of requests. */
type ReadInput = ReadRequest<unknown>;

/**
 * Wraps a handler in what every call goes through, in this order: scope (request id, trace), deadline and access log,
 * authentication, access to the method, rate of the caller, admission, decoding, validation, ownership,
 * handler, encoding, error gate.
 */
export function chain(method: ServedMethod, tools: ChainTools): EngineHandler<unknown, Uint8Array> {
  const answerOne = (work: Work, read: ReadInput, engineCall: EngineCall) => {
    const call = new HandlerContext(engineCall, method.contract.timeoutMs, tools.clock);
    return runInScope(call, () => answer(method, tools, call, work, read));
  };
  const answerMany = (read: ReadInput, engineCall: EngineCall) => {
    const call = new HandlerContext(engineCall, method.contract.timeoutMs, tools.clock);
    return new ResponseStream(
      call,
      tools,
      async (watch) => {
        const identifying = identify(method, call, watch, tools);
        if (identifying !== undefined) await identifying;
        const place = await tools.admission.enter(call, 'streaming');
        await decompressed(call, place);
        return place;
      },
      () => begin(method, tools, call, read) as AsyncIterable<unknown>,
      method.encode,
    );
  };
  const { kind } = method;
  switch (kind) {
    case 'unary':
      return { kind, handle: (read, call) => answerOne('once', read, call) };
    case 'client-streaming':
      return { kind, handle: (requests, call) => answerOne('streaming', () => requests, call) };
    case 'server-streaming':
      return { kind, handle: answerMany };
    case 'bidi-streaming':
      return { kind, handle: (requests, call) => answerMany(() => requests, call) };
  }
}

async function answer(
  method: ServedMethod,
  tools: ChainTools,
  call: HandlerContext,
  work: Work,
  read: ReadInput,
): Promise<Uint8Array> {
  const watch = new CallWatch(call, tools);
  let place: Place | undefined;
  try {
    const identifying = identify(method, call, watch, tools);
    if (identifying !== undefined) await identifying;
    place = await tools.admission.enter(call, work);
    if (work === 'streaming') call.place = place;
    const decompressing = decompressed(call, place);
    if (decompressing !== undefined) await decompressing;
    const response = method.encode(await begin(method, tools, call, read));
    call.checkMetadata();
    const compressing = call.compressResponse(response);
    if (compressing !== undefined) {
      place.leave();
      place = undefined;
      await compressing;
    }
    // Its deadline may have passed meanwhile, or its caller may have left: the log shows what the caller got.
    if (compressing !== undefined && call.isOver) watch.cancelled();
    else watch.succeeded();
    return response;
  } catch (error) {
    throw watch.failed(error);
  } finally {
    place?.leave();
  }
}

/**
 * Finds out who calls, and whether they may call the method at all, and now: before admission and decoding, so others
 * cost little. `undefined` if there is nothing to wait for.
 */
function identify(
  { kind, contract }: ServedMethod,
  call: HandlerContext,
  watch: CallWatch,
  tools: ChainTools,
): Promise<void> | undefined {
  const { authenticator, access, rateLimit } = tools;
  if (authenticator === undefined) {
    tools.mixed.checkUnasked(call.credentials);
    rateLimit?.admit(call);
    return undefined;
  }
  const admit = (caller: Caller) => {
    call.admit(access, caller);
    rateLimit?.admit(call);
    // Of a change, only the requests end.
    const isChange = contract.idempotency !== 'no-side-effects';
    if (caller.expiresMs !== undefined && kind !== 'unary' && !isChange) watch.endWithToken(caller.expiresMs);
  };
  const caller = authenticator.authenticate(call.credentials);
  if (caller instanceof Promise) return caller.then(admit);
  admit(caller);
  return undefined;
}

/** Resolves once a large request is decompressed. Meanwhile its bytes count as waiting. */
function decompressed(call: HandlerContext, place: Place): Promise<void> | undefined {
  const { requestBytes } = call;
  const decompressing = call.decompressRequest();
  if (decompressing === undefined) return undefined;
  place.hold(requestBytes);
  return decompressing.finally(() => place.hold(-requestBytes));
}

function begin(method: ServedMethod, tools: ChainTools, call: HandlerContext, read: ReadInput): unknown {
  const { kind, contract, handle, onceFor } = method;
  if (call.isOver) throw cancelled({ path: call.path });
  const input = read();
  if (kind === 'client-streaming' || kind === 'bidi-streaming') {
    const requests = idleRequests(permittedRequests(method, input as AsyncIterable<unknown>, call, tools), call);
    return handleFor(method, undefined, tools, call, () => handle(requests, call));
  }
  assertValid(contract, input);
  if (contract.idempotency === 'by-request-id') assertRepeatable(input as { readonly requestId: string }, call);
  if (call.mustOwn) call.assertOwnRequest(input);
  if (onceFor) {
    const once = onceFor(input as never, () => {
      call.isRepeated = true;
    });
    call.once = call.mustOwn ? onceForOwner(once, call) : once;
  }
  return handleFor(method, input, tools, call, () => handle(input, call));
}

/**
 * Runs the handler. Its responses to a user who may only have what is their own are checked; what an
 * operator changes is recorded.
 */
function handleFor(
  { kind, contract, actions }: ServedMethod,
  request: unknown,
  { logger }: ChainTools,
  call: HandlerContext,
  handle: () => unknown,
): unknown {
  const isOne = kind === 'unary' || kind === 'client-streaming';
  if (call.mustOwn) return isOne ? ownResponse(call, handle) : ownResponses(call, handle);
  if (!call.isStaff || contract.idempotency === 'no-side-effects' || isDryRun(request)) return handle();
  const record = isOne ? recordedResponse : recordedResponses;
  return record(call, request, { actions, logger }, handle);
}

/**
 * Throws INVALID_ARGUMENT `INVALID_FIELD` with every rule that `message` breaks. A handler of a stream of requests
 * validates them itself, because only it knows what an invalid one means.
 */
function assertValid(contract: MethodContract, message: unknown): void {
  const violations = contract.validate(message as never);
  if (violations.length > 0) throw invalidRequest(violations);
}

/**
 * Throws ABORTED `REQUEST_ID_MISSING` if a client repeats a change that nothing identifies: an earlier attempt may have taken
 * effect. A client in another language repeats it because of the service config, whether its caller set an id or not.
 */
function assertRepeatable({ requestId }: { readonly requestId: string }, { path, metadata }: HandlerContext): void {
  if (requestId === '' && metadata.has('grpc-previous-rpc-attempts')) throw requestIdMissing({ path });
}

/** The requests of a stream that come before the token of its caller expires. Streams that change nothing end then. */
function permittedRequests(
  { contract }: ServedMethod,
  requests: AsyncIterable<unknown>,
  { caller, path }: HandlerContext,
  tools: ChainTools,
): AsyncIterable<unknown> {
  const expiresMs = contract.idempotency === 'no-side-effects' ? undefined : caller?.expiresMs;
  if (expiresMs === undefined) return requests;
  return requestsUntilExpiry(requests, expiresMs, tools, () =>
    tools.logger.info({ method: path }, 'requests ended: the token of their caller expired'),
  );
}

/** The requests of a stream. A handler that waits for the next one is idle. */
function idleRequests(
  requests: AsyncIterable<unknown>,
  { idle }: Pick<MeshCallContext, 'idle'>,
): AsyncIterable<unknown> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = requests[Symbol.asyncIterator]();
      return {
        next: () => idle(() => iterator.next()),
        return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
      };
    },
  };
}
