import type { SQS } from '@aws-sdk/client-sqs';
import type { SqsCalls } from '../sqs/connection/calls.ts';
import type { SqsQueues } from '../sqs/connection/queues.ts';

export type SqsRequest = Readonly<Record<string, unknown>>;

/** What the methods of the client answer. `signal` aborts when the caller ends the call. */
export type FakeSqs = Readonly<
  Partial<Record<keyof SQS, (request: SqsRequest, signal: AbortSignal) => Promise<unknown>>>
>;

/** Calls of SQS without a server: each goes to a method of `sqs`; one that is missing answers with nothing. */
export function fakeCalls(sqs: FakeSqs): SqsCalls {
  const client = new Proxy(sqs, {
    get:
      (methods, name) =>
      async (request: SqsRequest, { abortSignal }: { readonly abortSignal: AbortSignal }) =>
        (await Reflect.get(methods, name)?.(request, abortSignal)) ?? {},
  }) as unknown as SQS;
  return {
    call: (run, { signal = new AbortController().signal } = {}) => run(client, { abortSignal: signal }),
    failure: () => undefined,
    idleMs: () => 0,
    close: () => undefined,
  };
}

/** Queues that exist, `url` with a dead letter queue `url-dlq`. */
export function fakeQueues(url: string, { isOwn = true } = {}): SqsQueues {
  const found = { url, maxBytes: 262_144 };
  return {
    ensure: async () => found,
    deadLettersOf: async () => ({ url: `${url}-dlq`, sourceArn: `arn:aws:sqs:eu-central-1:123:${url}`, isOwn }),
    forget: () => undefined,
    with: async (_queue, use) => await use(found),
    count: async () => ({ ready: 0, running: 0, delayed: 0 }),
    check: async () => undefined,
  };
}

/** Answers `answers` one after another, then waits until the call is ended. */
export function answerOnce(answers: readonly unknown[]): NonNullable<FakeSqs['receiveMessage']> {
  const left = [...answers];
  return async (_request, signal) => {
    if (left.length > 0) return left.shift();
    const { promise, reject } = Promise.withResolvers<never>();
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason));
    return await promise;
  };
}
