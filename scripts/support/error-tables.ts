import { glob } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Status } from 'nice-grpc-common';
import type { ReasonDefinition } from '../../mesh/errors/define-error.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A reason as its folder defines it. */
export interface DefinedReason extends ReasonDefinition {
  /** `services/user`. */
  readonly folder: string;
  /** Missing where the reason comes without a code. */
  readonly code?: Status;
}

/** Every reason that an `errors.ts` of the runtime or a service defines, sorted by reason. */
export async function definedReasons(): Promise<DefinedReason[]> {
  const reasons: DefinedReason[] = [];
  for await (const file of glob('{mesh,services}/**/errors.ts', { cwd: root })) {
    const exported: Record<string, unknown> = await import(join(root, file));
    const definitions = Object.values(exported).filter((value) => isDefinition(value));
    reasons.push(...definitions.map((definition) => ({ ...definition, folder: dirname(file) })));
  }
  return reasons.toSorted((one, other) => (one.reason < other.reason ? -1 : 1));
}

/**
 * The reasons that a table of docs/errors.md shows. Its name says which: `errors of mesh/saga services/ops` are those
 * that the folders return to callers, `errors seen in audits` those that any folder shows there.
 */
export function reasonsOfTable(name: string, reasons: readonly DefinedReason[]): DefinedReason[] {
  const [, kind, rest = ''] = /^errors (of|seen in) (.+)$/.exec(name) ?? [];
  if (kind === undefined) throw new Error(`${name} does not name a table of errors`);
  const folders = rest.split(' ');
  return reasons.filter(({ folder, seenIn }) =>
    kind === 'of' ? seenIn === undefined && folders.includes(folder) : seenIn === rest,
  );
}

/** The names of the tables that a page has places for. */
export function tablesOf(page: string): string[] {
  return [...page.matchAll(/^<!-- (errors [^:]+):begin -->$/gm)].map(([, name = '']) => name);
}

/** The rows of a table: reason, code, what it means and what to do. */
export function rowsOf(reasons: readonly DefinedReason[]): string[][] {
  return reasons.map(({ reason, code, means, fix }) => [
    `\`${reason}\``,
    code === undefined ? '—' : (Status[code] ?? String(code)),
    means,
    fix,
  ]);
}

function isDefinition(value: unknown): value is ReasonDefinition & { readonly code?: Status } {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  return 'reason' in value && 'means' in value && 'fix' in value && !('isVariant' in value && value.isVariant === true);
}
