import type { ServerResponse } from 'node:http';
import { constants, type ServerHttp2Stream } from 'node:http2';

/** What is watched of an answer, of either HTTP. */
export type WatchedAnswer = Pick<ServerResponse, 'writableLength' | 'socket' | 'on' | 'once' | 'destroy'> & {
  readonly stream?: ServerHttp2Stream;
};

interface Watched {
  length: number;
  /** When its client last took something of it, or there was nothing to take. */
  tookMs: number;
}

// An answer is cut off at most a tenth late.
const looksPerTimeout = 10;

/** Cuts off answers of which their clients take nothing. One timer serves all; it does not keep the process alive. */
export class UnreadAnswers {
  readonly #timeoutMs: number;
  readonly #onUnread: (answer: WatchedAnswer) => void;
  readonly #watched = new Map<WatchedAnswer, Watched>();
  #timer: NodeJS.Timeout | undefined;

  constructor(timeoutMs: number, onUnread: (answer: WatchedAnswer) => void) {
    this.#timeoutMs = timeoutMs;
    this.#onUnread = onUnread;
  }

  watch(answer: WatchedAnswer): void {
    const watched = { length: 0, tookMs: performance.now() };
    this.#watched.set(answer, watched);
    answer.on('drain', () => {
      watched.tookMs = performance.now();
    });
    answer.once('close', () => this.#watched.delete(answer));
    this.#timer ??= setInterval(() => this.#look(), this.#timeoutMs / looksPerTimeout).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const nowMs = performance.now();
    for (const [answer, watched] of this.#watched) {
      const { writableLength } = answer;
      if (writableLength === 0 || writableLength !== watched.length) {
        watched.length = writableLength;
        watched.tookMs = nowMs;
      } else if (nowMs - watched.tookMs >= this.#timeoutMs) {
        this.#watched.delete(answer);
        this.#onUnread(answer);
        if (answer.stream) answer.stream.close(constants.NGHTTP2_CANCEL);
        else answer.destroy();
      }
    }
  }
}
