/** A call as far as its answers are concerned. */
export interface AnsweredCall {
  readonly isOver: boolean;
  write(response: unknown): boolean;
  succeed(): void;
  fail(error: unknown): void;
  writesBy(pump: ReplyPump): void;
}

/** Answers a call once, with what the promise comes to. */
export function answerOnce(call: AnsweredCall, answer: Promise<unknown>): void {
  answer.then(
    (response) => {
      if (call.isOver) return;
      try {
        call.write(response);
        call.succeed();
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
  call.writesBy(pump);
  void pump.run();
}

/** Writes the answers of a handler as fast as the peer takes them, so that a slow reader costs no memory. */
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
    // The handler may have ended the call itself: then there is nothing to begin.
    if (call.isOver) return this.close();
    try {
      while (!call.isOver) {
        const next = await this.#iterator.next();
        if (call.isOver) return;
        if (next.done) break;
        if (!call.write(next.value)) await this.#room();
      }
      call.succeed();
    } catch (error) {
      call.fail(error);
    }
  }

  /** There is room again. */
  resume(): void {
    this.#wake?.();
  }

  /** The call is over: the iterator is closed, also while it is being waited for. */
  close(): void {
    this.#wake?.();
    // What a handler throws while it is being closed can reach no caller; the chain above has it in the log.
    const leave = async () => await this.#iterator.return?.();
    leave().catch(() => undefined);
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
