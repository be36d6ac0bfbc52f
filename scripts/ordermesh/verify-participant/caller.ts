import { Client, Metadata, type ServiceError } from '@grpc/grpc-js';
import { Status } from 'nice-grpc';
import { type Access, channelCredentials, channelOptions } from '../../../examples/support/access.ts';
import { isRefusal } from '../../../mesh/errors/codes.ts';
import { decodeStatusDetails, statusDetailsKey } from '../../../mesh/errors/status-details.ts';

type Json = Readonly<Record<string, unknown>>;

/** A call and its answer, as the report prints them. */
export interface Answer {
  /** `ReserveStock`. */
  readonly method: string;
  readonly request: Json;
  readonly code: Status;
  /** From the `ErrorInfo` of the answer. Empty: it has none, or the code is OK. */
  readonly reason: string;
  readonly message: string;
  /** Whether the call reached a connection to the server. */
  readonly isSent: boolean;
  readonly metadata: Readonly<Record<string, string>>;
  /** The response of a call that is OK; the responses of a stream are in `items`. */
  readonly response: Json;
}

/** A method of a contract, as generated. */
export interface Method<Request, Response> {
  readonly name: string;
  readonly requestType: {
    encode(message: Request): { finish(): Uint8Array };
    fromPartial(object: Partial<Request>): Request;
    toJSON(message: Request): unknown;
  };
  readonly responseType: { decode(bytes: Uint8Array): Response; toJSON(message: Response): unknown };
}

export interface CallOptions {
  /** Cancel the call after this time, as a caller does that crashes. */
  readonly cancelAfterMs?: number;
}

/** Calls a participant and records every call. */
export interface Caller {
  /** Makes one attempt of a unary call. Never rejects. */
  call<Request, Response>(
    service: { readonly fullName: string },
    method: Method<Request, Response>,
    request: Partial<Request>,
    options?: CallOptions,
  ): Promise<Answer>;
  /** Makes one attempt of a listing. Never rejects. The response has the messages as `items`. */
  list<Request, Response>(
    service: { readonly fullName: string },
    method: Method<Request, Response>,
    request: Partial<Request>,
  ): Promise<Answer>;
  /** Returns the calls since the last one, in the order in which they ended. */
  takeCalls(): Answer[];
  /** Makes new connections from now on, for a participant that was restarted. */
  reconnect(): void;
  close(): void;
}

const noAccess: Access = { tls: undefined, token: undefined };

/** Every attempt is visible, and a participant that was restarted is found soon. */
const everyAttempt = {
  'grpc.enable_retries': 0,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 500,
};

/** Creates a caller. `deadlineMs` is the deadline of each call. */
export function createCaller(address: string, deadlineMs: number, access: Access = noAccess): Caller {
  const connect = () =>
    new Client(address, channelCredentials(access), { ...everyAttempt, ...channelOptions(access, address) });
  const metadata = () => {
    const sent = new Metadata();
    if (access.token !== undefined) sent.set('authorization', `Bearer ${access.token}`);
    return sent;
  };
  let client = connect();
  let calls: Answer[] = [];

  /** The peer of a call without a connection is the target of its channel. */
  const wasSent = (call: { getPeer(): string }) => call.getPeer() !== client.getChannel().getTarget();

  function record(method: string, request: unknown, isSent: boolean, outcome: ServiceError | Json): Answer {
    const answer = {
      method,
      isSent,
      request: request as Json,
      ...(outcome instanceof Error ? failed(outcome) : succeeded(outcome)),
    };
    calls.push(answer);
    return answer;
  }

  return {
    call: (service, method, request, { cancelAfterMs } = {}) =>
      new Promise((resolve) => {
        const { requestType, responseType, name } = method;
        const message = requestType.fromPartial(request);
        const call = client.makeUnaryRequest(
          `/${service.fullName}/${name}`,
          (sent: typeof message) => Buffer.from(requestType.encode(sent).finish()),
          (bytes) => responseType.toJSON(responseType.decode(bytes)) as Json,
          message,
          metadata(),
          { deadline: Date.now() + deadlineMs },
          (error, response) =>
            resolve(record(name, requestType.toJSON(message), wasSent(call), error ?? response ?? {})),
        );
        if (cancelAfterMs !== undefined) setTimeout(() => call.cancel(), cancelAfterMs);
      }),

    async list(service, { requestType, responseType, name }, request) {
      const message = requestType.fromPartial(request);
      const stream = client.makeServerStreamRequest(
        `/${service.fullName}/${name}`,
        (sent: typeof message) => Buffer.from(requestType.encode(sent).finish()),
        (bytes) => responseType.toJSON(responseType.decode(bytes)) as Json,
        message,
        metadata(),
        { deadline: Date.now() + deadlineMs },
      );
      try {
        return record(name, requestType.toJSON(message), true, { items: await Array.fromAsync(stream) });
      } catch (error) {
        return record(name, requestType.toJSON(message), wasSent(stream), error as ServiceError);
      }
    },

    takeCalls() {
      const taken = calls;
      calls = [];
      return taken;
    },

    reconnect() {
      client.close();
      client = connect();
    },

    close: () => client.close(),
  };
}

function succeeded(response: Json) {
  return { code: Status.OK, reason: '', message: '', metadata: {}, response };
}

function failed({ code, details, metadata: trailer }: ServiceError) {
  const [status] = trailer?.get(statusDetailsKey) ?? [];
  const { reason, metadata } = decodeStatusDetails(Buffer.from(status ?? ''));
  return { code: code as Status, reason, message: details, metadata, response: {} };
}

export function isOk({ code }: Answer): boolean {
  return code === Status.OK;
}

/**
 * Whether an answer says for certain how the call ended. Anything else leaves its outcome unknown: a saga calls again with
 * the same `request_id`.
 */
export function isDefinite(answer: Answer): boolean {
  return isOk(answer) || isRefusal(answer);
}

const unanswering: ReadonlySet<Status> = new Set([
  Status.UNIMPLEMENTED,
  Status.UNAUTHENTICATED,
  Status.PERMISSION_DENIED,
]);

/**
 * Calls until the answer is definite, as a saga does: up to five times, or for `retryForMs`, or until `signal`. An attempt that took as long as
 * its deadline is repeated once. Returns the last answer.
 */
export async function settle(
  attempt: () => Promise<Answer>,
  { retryForMs = 0, signal }: { readonly retryForMs?: number; readonly signal?: AbortSignal } = {},
): Promise<Answer> {
  const startMs = performance.now();
  for (let attempts = 1; ; attempts += 1) {
    const answer = await attempt();
    if (isDefinite(answer) || signal?.aborted) return answer;
    const maxAttempts = unanswering.has(answer.code) ? 1 : answer.code === Status.DEADLINE_EXCEEDED ? 2 : 5;
    if (attempts >= maxAttempts && performance.now() - startMs >= retryForMs) return answer;
    await new Promise((resolve) => setTimeout(resolve, Math.min(500, 25 * 2 ** attempts)));
  }
}
