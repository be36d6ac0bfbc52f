import { setTimeout as sleep } from 'node:timers/promises';
import type { CertsFolder } from '../certs/certs-folder.ts';

export interface ExpiryOptions {
  readonly certs: CertsFolder;
  /** Whose certificate is left to expire. */
  readonly service: string;
  /** How long its last certificate is valid: longer than `restart` and a first call take. */
  readonly lifeMs: number;
  /** Starts the service with that certificate: its open connections would stay with one that is valid. */
  readonly restart: () => Promise<void>;
  /** Rejects if the service is refused. */
  readonly call: () => Promise<unknown>;
  /** What the mesh has logged since the start of the run. */
  readonly log: () => string;
}

/** What happened to a service whose certificate expired. */
export interface ExpiryResult {
  /** From the end of the certificate to the first call that was refused; `undefined`: none was, for a minute. */
  readonly refusedAfterMs: number | undefined;
  /** The line of the log that says so. */
  readonly logged: string | undefined;
  /** From its renewal to the first call that succeeded; `undefined`: none did, for a minute. */
  readonly backAfterMs: number | undefined;
}

const limitMs = 60_000;
const pollMs = 200;
const renewedForMs = 86_400_000;

/**
 * Lets the certificate of a service expire, waits until calls are refused, and renews it. Throws if it
 * did not serve before.
 */
export async function letExpire(options: ExpiryOptions): Promise<ExpiryResult> {
  const { certs, service, lifeMs, restart, call, log } = options;
  const endMs = Date.now() + lifeMs;
  certs.sign([service], { notAfter: new Date(endMs) });
  await restart();
  await call();
  await sleep(endMs - Date.now());
  const refusedAfterMs = await waitFor(endMs, () => call().then(no, yes));
  const logged = log()
    .split('\n')
    .find((line) => /expired/i.test(line) && line.includes(service));
  const renewedMs = Date.now();
  certs.sign([service], { notAfter: new Date(renewedMs + renewedForMs) });
  const backAfterMs = await waitFor(renewedMs, () => call().then(yes, no));
  return { refusedAfterMs, logged, backAfterMs };
}

const yes = () => true;
const no = () => false;

/** Polls until `holds`. Returns the time since `fromMs`; `undefined` after the limit. */
async function waitFor(fromMs: number, holds: () => Promise<boolean>): Promise<number | undefined> {
  while (Date.now() - fromMs < limitMs) {
    if (await holds()) return Date.now() - fromMs;
    await sleep(pollMs);
  }
  return undefined;
}
