import { ConnectionError, ErrorCode } from '../codec/frames.ts';
import type { Http2Connection } from './connection.ts';

/** How long a connection waits for its peer. */
export interface Patience {
  /** From the connection to the peer's first SETTINGS. */
  readonly handshakeMs: number;
  /** From the first frame of a header block to its last. */
  readonly headersMs: number;
  /** How long a complete response waits for a window while the peer accepts none of it. */
  readonly answerMs: number;
  /** From the last bytes of the peer to a ping. */
  readonly pingEveryMs: number;
  /** From a ping to the next if the peer has sent neither headers nor data since the first was acknowledged. */
  readonly quietPingMs: number;
  /** From a ping to its acknowledgement. */
  readonly pingTimeoutMs: number;
}

export const serverPatience: Patience = {
  handshakeMs: 10_000,
  headersMs: 10_000,
  answerMs: 300_000,
  pingEveryMs: 300_000,
  quietPingMs: 300_000,
  pingTimeoutMs: 20_000,
};

interface Watched {
  readonly connection: Http2Connection;
  readonly beganMs: number;
  /** Since when a header block is being received. */
  blockMs: number | undefined;
  /** When it was last pinged. */
  pingedMs: number;
  isAcknowledged: boolean;
  /** The frames with headers or data that had arrived with the last acknowledgement; `undefined`: there was none yet. */
  contentFrames: number | undefined;
}

const maxTickMs = 1_000;

/**
 * Ends connections whose peers are silent, gone or too slow. One timer serves all connections, so an idle one costs almost
 * nothing; it acts up to a second late. It does not keep the process alive.
 */
export class ConnectionWatch {
  readonly #patience: Patience;
  readonly #pingsIdle: boolean;
  /** How much less often to ping than the patience says. */
  #pingFactor = 1;
  readonly #watched = new Map<Http2Connection, Watched>();
  #ticking: NodeJS.Timeout | undefined;

  /** `pingsIdle`: whether to ping connections without streams. */
  constructor(patience: Patience, { pingsIdle }: { readonly pingsIdle: boolean }) {
    this.#patience = patience;
    this.#pingsIdle = pingsIdle;
  }

  /** Pings half as often from now on, because a peer reported that pings are too frequent. */
  pingLess(): void {
    this.#pingFactor *= 2;
  }

  add(connection: Http2Connection): void {
    const nowMs = performance.now();
    this.#watched.set(connection, {
      connection,
      beganMs: nowMs,
      blockMs: undefined,
      pingedMs: nowMs,
      isAcknowledged: true,
      contentFrames: undefined,
    });
    this.#ticking ??= this.#start();
  }

  /** Called when a connection has ended. */
  remove(connection: Http2Connection): void {
    this.#watched.delete(connection);
    if (this.#watched.size > 0) return;
    clearInterval(this.#ticking);
    this.#ticking = undefined;
  }

  #start(): NodeJS.Timeout {
    const tickMs = Math.min(maxTickMs, ...Object.values(this.#patience).map((waitMs) => waitMs / 4));
    return setInterval(() => this.#tick(performance.now()), Math.max(1, tickMs)).unref();
  }

  #tick(nowMs: number): void {
    for (const watched of [...this.#watched.values()]) this.#check(watched, nowMs);
  }

  #check(watched: Watched, nowMs: number): void {
    const { connection, beganMs } = watched;
    const { handshakeMs, headersMs, answerMs } = this.#patience;
    if (!connection.settled) {
      const text = `the peer sent no SETTINGS within ${handshakeMs} ms`;
      if (nowMs - beganMs >= handshakeMs)
        connection.destroy(new ConnectionError(ErrorCode.SETTINGS_TIMEOUT, text, 'no_settings'));
      return;
    }
    watched.blockMs = connection.midBlock ? (watched.blockMs ?? nowMs) : undefined;
    if (watched.blockMs !== undefined && nowMs - watched.blockMs >= headersMs) {
      connection.giveUp(`a header block was not complete within ${headersMs} ms`, 'slow_headers');
      return;
    }
    connection.endStuckAnswers(nowMs - answerMs, nowMs);
    this.#ping(watched, nowMs);
  }

  #ping(watched: Watched, nowMs: number): void {
    const { connection, contentFrames } = watched;
    const { pingEveryMs, quietPingMs, pingTimeoutMs } = this.#patience;
    // A peer that sends anything is alive, even if its acknowledgement is late.
    const sinceMs = nowMs - Math.max(watched.pingedMs, connection.readMs);
    if (!watched.isAcknowledged) {
      const text = `the peer did not acknowledge a PING within ${pingTimeoutMs} ms`;
      if (sinceMs >= pingTimeoutMs)
        connection.destroy(new ConnectionError(ErrorCode.CONNECT_ERROR, text, 'no_ping_answer'));
      return;
    }
    if (sinceMs < pingEveryMs * this.#pingFactor || (connection.openStreams === 0 && !this.#pingsIdle)) return;
    // Servers end connections whose pings they have not earned by sending something.
    const isQuiet = contentFrames === connection.contentFrames;
    if (isQuiet && nowMs - watched.pingedMs < quietPingMs * this.#pingFactor) return;
    watched.pingedMs = nowMs;
    watched.isAcknowledged = false;
    connection.ping(() => {
      watched.isAcknowledged = true;
      watched.contentFrames = connection.contentFrames;
    });
  }
}
