import { messageOf } from '../errors/error-text.ts';
import { MeshError } from '../errors/mesh-error.ts';
import type { Clock } from '../time/clock.ts';

/** What a line adds to its fields: how many of its kind were left out before it. */
export interface LimitedLine {
  readonly unlogged?: number;
}

const everyMs = 10_000;
const maxKinds = 1_000;

/** Returns a function that permits one line in 10 s of each kind: it returns `undefined` for those in between. */
export function createLineLimit(clock: Pick<Clock, 'elapsedMs'>): (kind: string) => LimitedLine | undefined {
  const kinds = new Map<string, { readonly loggedMs: number; unlogged: number }>();
  return (kind) => {
    const nowMs = clock.elapsedMs();
    const last = kinds.get(kind);
    if (last !== undefined && nowMs - last.loggedMs < everyMs) {
      last.unlogged += 1;
      return undefined;
    }
    if (kinds.size >= maxKinds)
      for (const [known, { loggedMs }] of kinds) if (nowMs - loggedMs >= everyMs) kinds.delete(known);
    kinds.set(kind, { loggedMs: nowMs, unlogged: 0 });
    return last?.unlogged ? { unlogged: last.unlogged } : {};
  };
}

/** The kind of an error: its reason. Errors without one are bugs, so another text is another kind. */
export function kindOfError(error: unknown): string {
  if (error instanceof MeshError) return error.reason;
  const name = error instanceof Error ? error.name : typeof error;
  return `${name}: ${messageOf(error).replaceAll(/\d+/g, '#')}`;
}
