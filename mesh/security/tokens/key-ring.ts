import { messageOf } from '../../errors/error-text.ts';
import { runOutsideOfCalls } from '../../telemetry/call-scope.ts';
import { logFailedAttempt, logRecovery } from '../../telemetry/log-failed-attempt.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { backoff } from '../../time/backoff.ts';
import type { Clock } from '../../time/clock.ts';
import { keySetUnusable, keysUnavailable } from './errors.ts';
import { type KeySet, readKeySet, type VerificationKey } from './key-set.ts';
import type { KeySource } from './key-source.ts';

export interface KeyRingOptions {
  readonly source: KeySource;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Is called when a key has left the set, or was replaced. */
  readonly onRemoved: () => void;
}

// At most 30 s with the time of an attempt, after which the log would take a failure for a new one.
const delayMsAfter = backoff({ firstMs: 1_000, maxMs: 20_000, jitter: [0.8, 1.2] });

/**
 * The keys of the issuer, kept up to date. A set that cannot be had, or is not usable, changes nothing: the last good
 * one stays until another one is readable.
 */
export class KeyRing {
  readonly #options: KeyRingOptions;
  #keys: KeySet['keys'] | undefined;
  /** The text of the last good set. */
  #text: string | undefined;
  #reading: Promise<void> | undefined;
  #readMs = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #failure: unknown;
  #cancelNext: () => void = () => undefined;
  #isClosed = false;

  constructor(options: KeyRingOptions) {
    this.#options = options;
  }

  /** Reads the set for the first time. Rejects with `KEY_SET_UNUSABLE` if that is a file, and cannot be used. */
  async open(): Promise<void> {
    await this.#read();
    if (this.#keys === undefined && this.#options.source.isLocal) throw this.#failure;
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelNext();
  }

  /**
   * Resolves with the key of this name; `undefined`: there is none. Looks for one that is not known, but not often,
   * since anyone can invent names. Rejects with UNAVAILABLE `KEYS_UNAVAILABLE` if there never was a key set.
   */
  async find(kid: string): Promise<VerificationKey | undefined> {
    const known = this.#keys?.get(kid);
    if (known !== undefined) return known;
    if (this.#reading !== undefined || this.#mayLook()) await this.#read();
    if (this.#keys === undefined) throw keysUnavailable();
    return this.#keys.get(kid);
  }

  /** Without keys, the next look is due soon anyway. */
  #mayLook(): boolean {
    const { source, clock } = this.#options;
    return this.#keys !== undefined && clock.elapsedMs() - this.#readMs >= source.unknownKeyMs;
  }

  /** Reads the set, once for all who wait for it. Never rejects. */
  #read(): Promise<void> {
    // The call that looks for a key has nothing to do with later ones, nor with what they log.
    this.#reading ??= runOutsideOfCalls(() =>
      this.#readNow().finally(() => {
        this.#reading = undefined;
        this.#readMs = this.#options.clock.elapsedMs();
        this.#plan();
      }),
    );
    return this.#reading;
  }

  #plan(): void {
    const { source, clock } = this.#options;
    this.#cancelNext();
    if (this.#isClosed) return;
    const delayMs = this.#failures === 0 ? source.refreshMs : Math.min(source.refreshMs, delayMsAfter(this.#failures));
    this.#cancelNext = clock.after(delayMs, () => void this.#read());
  }

  async #readNow(): Promise<void> {
    const { source } = this.#options;
    try {
      const text = await source.read();
      if (text !== this.#text) this.#replace(await readKeySet(text));
      this.#text = text;
      this.#recovered();
    } catch (error) {
      this.#failed(error);
    }
  }

  #replace({ keys, refused }: KeySet): void {
    const { source, logger, onRemoved } = this.#options;
    const before = this.#keys;
    this.#keys = keys;
    const changed = [...(before ?? [])].filter(([kid, { thumbprint }]) => keys.get(kid)?.thumbprint !== thumbprint);
    if (changed.length > 0) onRemoved();
    if (before !== undefined && changed.length === 0 && before.size === keys.size) return;
    logger.info({ source: source.name, keys: [...keys.keys()] }, 'keys that verify tokens loaded');
    if (refused.length > 0) logger.warn({ source: source.name, refused }, 'keys of the key set are not used');
  }

  #recovered(): void {
    const { source } = this.#options;
    if (this.#failures > 0)
      logRecovery(this.#options, { err: this.#failure, source: source.name }, 'key set usable again');
    this.#failures = 0;
  }

  #failed(error: unknown): void {
    const { source, logger, clock } = this.#options;
    this.#failures += 1;
    this.#failure = keySetUnusable({ source: source.name, problem: messageOf(error) }, { cause: error });
    // The start reports it.
    if (this.#keys === undefined && source.isLocal) return;
    const text =
      this.#keys === undefined
        ? 'key set cannot be used; no token is believed until it can'
        : 'key set cannot be used; the last one stays';
    logFailedAttempt({ logger, clock, failures: this.#failures }, { err: this.#failure, source: source.name }, text);
  }
}
