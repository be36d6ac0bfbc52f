import type { Metrics } from '../../metrics/metrics.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import type { CertificateFacts } from './certificate.ts';
import type { CheckedMaterial } from './check-material.ts';
import type { NamedFiles } from './tls-files.ts';

/** What part of TLS expires: `own`: the certificate of the process, or one that it comes with. */
export type ExpiryUse = 'own' | 'ca' | 'crl' | 'http';

/** Something of TLS that expires. */
export interface Expiry {
  readonly use: ExpiryUse;
  /** `CN=order`; empty for lists of revoked certificates. */
  readonly subject: string;
  readonly expireMs: number;
  /** For how long it is valid in all. Default: not known. */
  readonly periodMs?: number | undefined;
  /** The setting that names its file. */
  readonly variable: string;
}

/** Returns what of an identity expires: of its certificates, of the authorities and of the lists the first each. */
export function expiriesOf(
  { chain, authorities, crlEndMs, crlPeriodMs: periodMs }: CheckedMaterial,
  files: NamedFiles,
  use: 'own' | 'http' = 'own',
): readonly Expiry[] {
  return [
    ...firstOf(chain, use, files.cert.variable),
    ...(files.ca ? firstOf(authorities, 'ca', files.ca.variable) : []),
    ...(files.crl && crlEndMs !== undefined && Number.isFinite(crlEndMs)
      ? [{ use: 'crl' as const, subject: '', expireMs: crlEndMs, periodMs, variable: files.crl.variable }]
      : []),
  ];
}

function firstOf(
  certificates: readonly Pick<CertificateFacts, 'subject' | 'notBeforeMs' | 'notAfterMs'>[],
  use: ExpiryUse,
  variable: string,
): readonly Expiry[] {
  const [first] = certificates.toSorted((one, other) => one.notAfterMs - other.notAfterMs);
  if (!first) return [];
  const { subject, notBeforeMs, notAfterMs: expireMs } = first;
  return [{ use, subject, expireMs, periodMs: expireMs - notBeforeMs, variable }];
}

export interface ExpiryWatchOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const warnFromMs = 30 * dayMs;

type Stage = 'soon' | 'last' | 'expired';

/**
 * Returns from when on something needs attention: 30 days before it expires. What is valid for less than twice as long, as
 * lists of revoked certificates are, does in the last quarter of its validity.
 */
export function attentionMsOf({ expireMs, periodMs = Number.POSITIVE_INFINITY }: Expiry): number {
  return expireMs - (periodMs >= 2 * warnFromMs ? warnFromMs : periodMs / 4);
}

/**
 * Shows when parts of TLS expire as a metric, and logs each of them once a day from when on it needs attention: as a
 * warning, and as an error from the last day on. The returned function ends that.
 */
export function watchExpiry(read: () => readonly Expiry[], { clock, logger, metrics }: ExpiryWatchOptions): () => void {
  const help =
    'When certificates, authorities and lists of revoked certificates expire, the first of each use, in seconds ' +
    'since 1970.';
  metrics
    .gauge('ordermesh_tls_certificate_expiry_timestamp_seconds', help, ['use'])
    .collect(async () => read().map(({ use, expireMs }) => ({ labels: { use }, value: expireMs / 1_000 })));
  const logged = new Map<ExpiryUse, { readonly stage: Stage; readonly atMs: number }>();
  let cancel: () => void;
  const look = () => {
    const nowMs = clock.now();
    for (const expiry of read()) {
      const stage = stageOf(expiry, nowMs);
      const last = logged.get(expiry.use);
      if (stage === undefined) logged.delete(expiry.use);
      else if (last?.stage !== stage || nowMs - last.atMs >= dayMs) {
        logged.set(expiry.use, { stage, atMs: nowMs });
        const { use, variable: setting, expireMs } = expiry;
        const fields = { use, setting, expires: new Date(expireMs).toISOString() };
        logger[stage === 'soon' ? 'warn' : 'error'](fields, expiryText(expiry, nowMs));
      }
    }
    cancel = clock.after(minuteMs, look);
  };
  look();
  return () => cancel();
}

function stageOf(expiry: Expiry, nowMs: number): Stage | undefined {
  const { expireMs, periodMs = Number.POSITIVE_INFINITY } = expiry;
  if (nowMs < attentionMsOf(expiry)) return undefined;
  if (nowMs < expireMs - Math.min(dayMs, periodMs / 8)) return 'soon';
  return nowMs < expireMs ? 'last' : 'expired';
}

const effects: Readonly<Record<ExpiryUse, string>> = {
  own: 'all calls to this process and from it fail',
  ca: 'all calls to this process and from it fail',
  crl: 'all peers are refused',
  http: 'all callers over HTTP refuse this process',
};

/** Says when something expires or has expired, what that means, and what to do. */
export function expiryText(expiry: Expiry, nowMs: number): string {
  const { use, subject, expireMs, variable } = expiry;
  const what = use === 'crl' ? `list of revoked certificates of ${variable}` : `certificate ${subject} of ${variable}`;
  const span = spanText(Math.abs(expireMs - nowMs));
  switch (stageOf(expiry, nowMs)) {
    case undefined:
    case 'soon':
      return `${what} expires in ${span}: replace its file, which is used without a restart`;
    case 'last':
      return `${what} expires in ${span}, and then ${effects[use]}: replace its file now`;
    case 'expired':
      return `${what} expired ${span} ago, so ${effects[use]}: replace its file now`;
  }
}

function spanText(ms: number): string {
  const units = [
    [dayMs, 'day'],
    [60 * minuteMs, 'hour'],
    [minuteMs, 'minute'],
  ] as const;
  const [unitMs, name] = units.find(([length]) => ms >= 2 * length) ?? [minuteMs, 'minute'];
  const count = Math.floor(ms / unitMs);
  return `${count} ${name}${count === 1 ? '' : 's'}`;
}
