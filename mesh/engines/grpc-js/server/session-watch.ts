import type { Http2Session, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import { TimerWheel } from '../../../time/timer-wheel.ts';
import { peerOf } from '../../hang-up.ts';
import type { ConnectionEndReason, HostObserver } from '../../host-observer.ts';
import { type PingPolicy, PingStrikes, tooManyPings } from '../../ping-strikes.ts';

const firstSettingsTimeoutMs = 10_000;
const goawayLingerMs = 1_000;
// How long a caller has to read that its deadline has passed.
const releaseMs = 1_000;
// With fewer bytes, only acknowledgements and windows were sent between two pings.
const minSentBytes = 100;
const cancel = 8;
const enhanceYourCalm = 11;
// Other errors are of the client: its GOAWAY with an error, or its end of the socket.
const faultCodes: ReadonlySet<string | undefined> = new Set(['ERR_HTTP2_ERROR', 'ERR_HTTP2_TOO_MANY_INVALID_FRAMES']);
/** The faults that nghttp2 distinguishes, by the number of its error. */
const faultReasons: ReadonlyMap<number | undefined, ConnectionEndReason> = new Map([
  [-902, 'too_many_faults'],
  [-904, 'unread_answers'],
]);

/** How long a session waits for its client. */
export interface SessionPatience {
  /** From one ping to the next. */
  readonly pingEveryMs: number;
  /** From a ping to its acknowledgement. */
  readonly pingTimeoutMs: number;
}

export const sessionPatience: SessionPatience = { pingEveryMs: 300_000, pingTimeoutMs: 20_000 };
/** After the GOAWAY of a client. */
const leavingPatience: SessionPatience = { pingEveryMs: 10_000, pingTimeoutMs: 10_000 };

export interface SessionWatchOptions {
  readonly observer: HostObserver;
  readonly pings: PingPolicy | undefined;
  readonly patience: SessionPatience;
}

const timers = new TimerWheel();

const watches = new WeakMap<Http2Session, SessionWatch>();

/** Ends sessions whose clients send no SETTINGS, ping too often or are gone, and reports those that end for a fault. */
export class SessionWatch {
  readonly #session: ServerHttp2Session;
  readonly #observer: HostObserver;
  readonly #peer: string;
  readonly #strikes: PingStrikes;
  #streams = 0;
  #openStreams = 0;
  #sentBytes = 0;
  #isEnding = false;

  constructor(session: ServerHttp2Session, { observer, pings, patience }: SessionWatchOptions) {
    this.#session = session;
    this.#observer = observer;
    this.#peer = peerOf(session.socket);
    this.#strikes = new PingStrikes(pings);
    watches.set(session, this);
    session.on('ping', () => this.#pinged());
    this.#expectAnswers(patience, 'no_ping_answer', 'the peer did not acknowledge a PING', (answered) =>
      session.ping(answered),
    );
    session.once('goaway', () => this.#watchLeaving());
    session.on('error', (error: NodeJS.ErrnoException) => {
      if (faultCodes.has(error.code)) this.#report(faultReasons.get(error.errno) ?? 'protocol_error', error.message);
    });
    const silent = setTimeout(() => {
      this.#report('no_settings', `the peer sent no SETTINGS within ${firstSettingsTimeoutMs} ms`);
      session.destroy();
    }, firstSettingsTimeoutMs);
    silent.unref();
    const stopTimer = () => clearTimeout(silent);
    session.once('remoteSettings', stopTimer);
    session.once('close', stopTimer);
  }

  /** Called when the client opens a stream. */
  opened(stream: ServerHttp2Stream): void {
    this.#streams += 1;
    this.#openStreams += 1;
    stream.once('close', () => {
      this.#openStreams -= 1;
      this.#strikes.sent();
    });
  }

  /** Called when headers or data are sent. */
  sent(): void {
    this.#strikes.sent();
  }

  #pinged(): void {
    if (this.#isEnding || this.#session.destroyed) return;
    // The rest of a large answer leaves without a call of `sent`, as windows allow; grpc-go pings meanwhile to measure them.
    const { bytesWritten } = this.#session.socket;
    if (bytesWritten - this.#sentBytes >= minSentBytes) this.#strikes.sent();
    this.#sentBytes = bytesWritten;
    if (!this.#strikes.pinged(performance.now(), this.#openStreams > 0)) return;
    this.#isEnding = true;
    this.#report('too_many_pings', tooManyPings);
    this.#session.goaway(enhanceYourCalm, 0, Buffer.from(tooManyPings));
    setTimeout(() => this.#session.destroy(), goawayLingerMs).unref();
  }

  /**
   * Node reads nothing further of a client that breaks the protocol after its GOAWAY, but keeps the session while a call is
   * open. It sends no pings then, but SETTINGS.
   */
  #watchLeaving(): void {
    const problem = 'after its GOAWAY the peer broke the protocol, or did not acknowledge SETTINGS';
    this.#expectAnswers(leavingPatience, 'protocol_error', problem, (answered) => this.#session.settings({}, answered));
  }

  /** Sends something to acknowledge, again and again. Ends the session if its client does not. */
  #expectAnswers(
    { pingEveryMs, pingTimeoutMs }: SessionPatience,
    reason: ConnectionEndReason,
    problem: string,
    send: (answered: () => void) => void,
  ): void {
    const session = this.#session;
    const end = () => {
      if (session.destroyed) return;
      this.#report(reason, `${problem} within ${pingTimeoutMs} ms`);
      session.destroy();
    };
    let timer: NodeJS.Timeout;
    const next = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        if (session.destroyed) return;
        timer = setTimeout(end, pingTimeoutMs).unref();
        send(next);
      }, pingEveryMs).unref();
    };
    next();
    session.once('close', () => clearTimeout(timer));
  }

  #report(reason: ConnectionEndReason, problem: string): void {
    const counts = { streams: this.#streams, open_streams: this.#openStreams };
    this.#observer.connectionEnded({ peer: this.#peer, reason, problem, counts });
  }
}

/**
 * Resets the stream of a call whose deadline passes in `leftMs`, unless it has ended a second later. grpc-js ends the call, but
 * keeps what a window holds of its answer as long as the connection.
 */
export function releaseAtDeadline(stream: ServerHttp2Stream, leftMs: number): void {
  const timer = timers.after(leftMs + releaseMs, { onTimeout: () => stream.close(cancel) });
  stream.once('close', () => timer.cancel());
}

/** The watch of the session of a stream. */
export function watchOf({ session }: ServerHttp2Stream): SessionWatch | undefined {
  return session && watches.get(session);
}
