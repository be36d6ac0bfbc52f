import type { Transaction, TransactionOptions } from '../storage/storage.ts';

/** How a message becomes bytes: ts-proto's generated object has this shape. */
export interface Codec<Message> {
  encode(message: Message): { finish(): Uint8Array };
  decode(bytes: Uint8Array): Message;
}

/** A method whose calls are idempotent by `request_id`. */
export interface IdempotentMethod<Request, Response> {
  /** `/user.v1.UserService/CreateUser`. The same id under another method is another call. */
  readonly path: string;
  readonly requestType: Codec<Request>;
  readonly responseType: Codec<Response>;
  /** The fields of the request that are a field mask. Default: none. */
  readonly fieldMasks?: readonly string[];
}

/**
 * Makes one call take effect once: the first response to its `request_id` is stored, and repeated calls get that one.
 * Refusals are not stored: nothing happened, so a repeated call decides again. The same id with another payload throws
 * ALREADY_EXISTS `REQUEST_ID_REUSED`; a UUID in another case and a field mask in another order are the same. The same
 * id of another user is another id; the same request with a user and without one is refused by the same error, since
 * authentication may have been turned on or off in between. With an empty id every call takes effect.
 */
export interface Once<Response> {
  /**
   * Runs `work` in a transaction that also stores its response, unless the call was answered before. Concurrent calls
   * with one id take effect once.
   */
  (work: (tx: Transaction) => Promise<Response>, options?: TransactionOptions): Promise<Response>;
  /** Returns the stored response, for calls that ask other services before they run; `undefined` if there is none. */
  replay(): Promise<Response | undefined>;
  /**
   * For an effect outside this database, such as a call to another service: runs `effect` unless the call was answered
   * before, then stores the response. After a crash in between, a repeated call runs `effect` again, so `effect` must
   * itself allow repetition.
   */
  withoutTransaction(effect: () => Promise<Response>): Promise<Response>;
}

/**
 * Stores the responses of idempotent calls for at least 24 hours during which a process runs, in the transaction of the
 * effect, no matter what the machine's clock is set to.
 */
export interface Idempotency {
  /**
   * Returns the `once` of one call, which its handler gets in the call context. `onRepeated` is called if an earlier
   * call has the response.
   */
  onceFor<Request extends { requestId: string }, Response>(
    method: IdempotentMethod<Request, Response>,
    request: Request,
    onRepeated?: () => void,
  ): Once<Response>;
}
