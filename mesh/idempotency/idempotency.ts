import type { Transaction, TransactionOptions } from '../storage/storage.ts';

/** How a message becomes bytes: ts-proto's generated object has this shape. */
export interface Codec<Message> {
  encode(message: Message): { finish(): Uint8Array };
  decode(bytes: Uint8Array): Message;
}

/** What identifies the kind of a call and how its messages are kept. */
export interface RepeatableMethod<Request, Response> {
  /** `/user.v1.UserService/CreateUser`: the same id under another method is another call. */
  readonly path: string;
  readonly requestType: Codec<Request>;
  readonly responseType: Codec<Response>;
}

/**
 * Makes mutations safe to repeat by their `request_id`. The first answer is kept for at least 24 hours in which a process
 * runs, in the transaction of the effect, whatever the machine's clock is set to; the same id with another payload is
 * ALREADY_EXISTS `REQUEST_ID_REUSED`. Refusals are not kept: nothing happened, so a repeated call decides again. An empty
 * `requestId` means: not safe to repeat.
 */
export interface Idempotency {
  /**
   * Runs `work` unless it was run before, and answers as it did then. Concurrent calls with one id have one effect. The
   * transaction takes `options`.
   */
  once<Request extends { requestId: string }, Response>(
    method: RepeatableMethod<Request, Response>,
    request: Request,
    work: (tx: Transaction) => Promise<Response>,
    options?: TransactionOptions,
  ): Promise<Response>;
  /** The answer given before, for calls that have to ask others before they can run; `undefined` when there is none. */
  replay<Request extends { requestId: string }, Response>(
    method: RepeatableMethod<Request, Response>,
    request: Request,
  ): Promise<Response | undefined>;
}
