import type { Status, TlsExpiry } from '#gen/ops/v1/status.ts';

const dayMs = 24 * 3_600_000;
/** From when on an expiry needs attention that does not say it. */
const warnFromMs = 30 * dayMs;

interface PlacedExpiry extends TlsExpiry {
  /** `order@127.0.0.1:21051`; empty: the process that answered. */
  readonly place: string;
}

/** What expires in all processes, the next first. */
function expiriesOf({ process, instances }: Status): readonly PlacedExpiry[] {
  const of = (place: string, expiries: readonly TlsExpiry[] = []) => expiries.map((expiry) => ({ ...expiry, place }));
  return [
    ...of('', process?.tlsExpiries),
    ...instances.flatMap(({ name, address, process }) => of(`${name}@${address}`, process?.tlsExpiries)),
  ].toSorted((one, other) => timeOf(one) - timeOf(other));
}

function timeOf({ expireTime }: TlsExpiry): number {
  return expireTime?.getTime() ?? Number.POSITIVE_INFINITY;
}

/** A row for each part of TLS that expires, the next first. */
export function expiryRows(status: Status, nowMs: number): string[][] {
  return expiriesOf(status).map((expiry) => {
    const { place, use, subject, setting } = expiry;
    const date = new Date(timeOf(expiry)).toISOString().slice(0, 16).replace('T', ' ');
    return [place === '' ? 'this one' : place, setting, use, `${date}Z (${inText(timeOf(expiry) - nowMs)})`, subject];
  });
}

function attentionMsOf(expiry: TlsExpiry): number {
  return expiry.attentionTime?.getTime() ?? timeOf(expiry) - warnFromMs;
}

/** A line for each file that expires soon or has expired, with the processes that use it. */
export function expiryAttention(status: Status, nowMs: number): string[] {
  const soon = expiriesOf(status).filter((expiry) => attentionMsOf(expiry) <= nowMs);
  // One CA file is that of many processes.
  const groups = Map.groupBy(soon, ({ setting, subject, expireTime }) => `${setting} ${subject} ${expireTime}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const remainingMs = timeOf(first) - nowMs;
    const places = group.flatMap(({ place }) => (place === '' ? [] : [place]));
    const of = places.length === 0 ? '' : ` of ${places.join(', ')}`;
    const what = [first.setting, first.subject].filter((text) => text !== '').join(' ');
    const state = remainingMs > 0 ? `expires ${inText(remainingMs)}` : `expired ${inText(remainingMs)}: calls fail`;
    return [`${what}${of} ${state}: replace the file, which is used without a restart (docs/tls.md)`];
  });
}

/** `in 12 days`, `in 5 hours`, `3 days ago`. */
function inText(ms: number): string {
  const days = Math.floor(Math.abs(ms) / dayMs);
  const hours = Math.floor(Math.abs(ms) / 3_600_000);
  const span = days >= 2 ? `${days} days` : hours >= 2 ? `${hours} hours` : `${Math.floor(Math.abs(ms) / 60_000)} min`;
  return ms > 0 ? `in ${span}` : `${span} ago`;
}
