import { judgeFinding } from './audit.ts';
import type { IgnoredAdvisory } from './policy.ts';

/** What `npm audit --json` prints. Only what is read here. */
export interface NpmAudit {
  readonly message?: string;
  readonly error?: { readonly summary?: string };
  /** Absent if the registry gave no answer. */
  readonly metadata?: unknown;
  readonly vulnerabilities?: Readonly<Record<string, { readonly via: readonly (NpmAdvisory | string)[] }>>;
}

/** Why a package is vulnerable. Where it is so because of another package, npm has the name of that one instead. */
interface NpmAdvisory {
  readonly name: string;
  readonly range: string;
  readonly severity: string;
  readonly title: string;
  /** Ends with the id of the advisory: `https://github.com/advisories/GHSA-…`. */
  readonly url: string;
}

/**
 * Sorts the advisories of npm's answer into those that count and those that are ignored until a later
 * day, one line each.
 */
export function judgeNpmAudit(
  { vulnerabilities = {} }: NpmAudit,
  ignores: readonly IgnoredAdvisory[],
  today: string,
): { readonly vulnerable: readonly string[]; readonly ignored: readonly string[] } {
  const [vulnerable, ignored] = [new Set<string>(), new Set<string>()];
  for (const advisory of Object.values(vulnerabilities).flatMap(({ via }) => via)) {
    if (typeof advisory === 'string') continue;
    const { name, range, severity, title, url } = advisory;
    const id = url.slice(url.lastIndexOf('/') + 1);
    const finding = { ids: [id], name, line: `${name} ${range}: ${id}: ${title}; ${severity}` };
    const { isIgnored, line } = judgeFinding(finding, ignores, today);
    (isIgnored ? ignored : vulnerable).add(line);
  }
  return { vulnerable: [...vulnerable].sort(), ignored: [...ignored].sort() };
}
