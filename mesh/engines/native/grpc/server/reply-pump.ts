/** A call to which responses are written. */
export interface AnsweredCall {
  readonly isOver: boolean;
  /** Returns whether there is room for the next response. */
  write(response: unknown): boolean | Promise<boolean>;
  succeed(): void;
  fail(error: unknown): void;
  attachPump(pump: ReplyPump): void;
}

/** Answers a call with the outcome of a promise. */
export function answerOnce(call: AnsweredCall, answer: Promise<unknown>): void {
  answer.then(
    (response) => {
      if (call.isOver) return;
      try {
        const written = call.write(response);
        if (typeof written === 'boolean') call.succeed();
        else written.then(() => call.succeed()).catch((error) => call.fail(error));
      } catch (error) {
        call.fail(error);
      }
    },
    (error) => call.fail(error),
  );
}

/** Answers a call with a stream. */
export function answerMany(call: AnsweredCall, responses: AsyncIterable<unknown>): void {
  const pump = new ReplyPump(call, responses);
  call.attachPump(pump);
  void pump.run();
}

/** Writes the responses of a handler as fast as the peer accepts them, so a slow reader costs no memory. */
export class ReplyPump {
  readonly #call: AnsweredCall;
  readonly #iterator: AsyncIterator<unknown>;
  #wake: (() => void) | undefined;

  constructor(call: AnsweredCall, responses: AsyncIterable<unknown>) {
    this.#call = call;
    this.#iterator = responses[Symbol.asyncIterator]();
  }

  async run(): Promise<void> {
    const call = this.#call;
    // The handler may already have ended the call.
    if (call.isOver) return this.close();
    try {
      while (!call.isOver) {
        const next = await this.#iterator.next();
        if (call.isOver) return;
        if (next.done) break;
        const written = call.write(next.value);
        const hasRoom = typeof written === 'boolean' ? written : await written;
        if (!hasRoom) await this.#room();
      }
      call.succeed();
    } catch (error) {
      call.fail(error);
    }
  }

  /** Called when there is room again. */
  resume(): void {
    this.#wake?.();
  }

  /** Called when the call has ended. Closes the iterator, even while it is awaited. */
  close(): void {
    this.#wake?.();
    // An error of a handler that is being closed reaches no caller. The server chain logs it.
    const leave = async () => await this.#iterator.return?.();
    leave().catch(() => undefined);
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
