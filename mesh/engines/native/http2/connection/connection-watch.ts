import type { Http2Connection } from './connection.ts';

/** How long a connection waits for its peer, all in milliseconds. */
export interface Patience {
  /** From the connection to the peer's first SETTINGS. */
  readonly handshakeMs: number;
  /** From the first frame of a header block to its last. */
  readonly headersMs: number;
  /** How long a complete answer waits for a window when none of it is taken. */
  readonly answerMs: number;
  /** From one ping to the next. */
  readonly pingEveryMs: number;
  /** From a ping to its answer. */
  readonly pingTimeoutMs: number;
}

export const serverPatience: Patience = {
  handshakeMs: 10_000,
  headersMs: 10_000,
  answerMs: 300_000,
  pingEveryMs: 60_000,
  pingTimeoutMs: 20_000,
};

interface Watched {
  readonly connection: Http2Connection;
  readonly beganMs: number;
  /** Since when a header block is being received. */
  blockMs: number | undefined;
  /** When it was last pinged. */
  pingedMs: number;
  isAnswered: boolean;
}

const longestTickMs = 1_000;

/**
 * Ends connections whose peers are silent, gone or slower than is useful. One timer looks after all of them, so that an idle
 * connection costs next to nothing; what is due is up to a second late. It keeps no process alive.
 */
export class ConnectionWatch {
  readonly #patience: Patience;
  readonly #pingsIdle: boolean;
  #pingEveryMs: number;
  readonly #watched = new Map<Http2Connection, Watched>();
  #ticking: NodeJS.Timeout | undefined;

  /** `pingsIdle`: whether connections are pinged that have no streams. */
  constructor(patience: Patience, { pingsIdle }: { readonly pingsIdle: boolean }) {
    this.#patience = patience;
    this.#pingsIdle = pingsIdle;
    this.#pingEveryMs = patience.pingEveryMs;
  }

  /** Pings half as often from now on: a peer has said that it is too much for it. */
  pingLess(): void {
    this.#pingEveryMs *= 2;
  }

  add(connection: Http2Connection): void {
    const nowMs = performance.now();
    const watched = { connection, beganMs: nowMs, blockMs: undefined, pingedMs: nowMs, isAnswered: true };
    this.#watched.set(connection, watched);
    this.#ticking ??= this.#start();
  }

  /** To be called when it is over. */
  remove(connection: Http2Connection): void {
    this.#watched.delete(connection);
    if (this.#watched.size > 0) return;
    clearInterval(this.#ticking);
    this.#ticking = undefined;
  }

  #start(): NodeJS.Timeout {
    const tickMs = Math.min(longestTickMs, ...Object.values(this.#patience).map((waitMs) => waitMs / 4));
    return setInterval(() => this.#tick(performance.now()), Math.max(1, tickMs)).unref();
  }

  #tick(nowMs: number): void {
    for (const watched of [...this.#watched.values()]) this.#look(watched, nowMs);
  }

  #look(watched: Watched, nowMs: number): void {
    const { connection, beganMs } = watched;
    const { handshakeMs, headersMs, answerMs } = this.#patience;
    if (!connection.settled) {
      if (nowMs - beganMs >= handshakeMs)
        connection.destroy(new Error(`the peer sent no SETTINGS in ${handshakeMs} ms`));
      return;
    }
    watched.blockMs = connection.midBlock ? (watched.blockMs ?? nowMs) : undefined;
    if (watched.blockMs !== undefined && nowMs - watched.blockMs >= headersMs) {
      connection.giveUp(`a header block was not ended in ${headersMs} ms`);
      return;
    }
    connection.endStuckAnswers(nowMs - answerMs);
    this.#ping(watched, nowMs);
  }

  #ping(watched: Watched, nowMs: number): void {
    const { connection } = watched;
    const { pingTimeoutMs } = this.#patience;
    // A peer that sends anything is there, however late it answers.
    const sinceMs = nowMs - Math.max(watched.pingedMs, connection.readMs);
    if (!watched.isAnswered) {
      if (sinceMs >= pingTimeoutMs) connection.destroy(new Error(`the peer answers no PING in ${pingTimeoutMs} ms`));
      return;
    }
    if (sinceMs < this.#pingEveryMs || (connection.openStreams === 0 && !this.#pingsIdle)) return;
    watched.pingedMs = nowMs;
    watched.isAnswered = false;
    connection.ping(() => {
      watched.isAnswered = true;
    });
  }
}
