import { type Advisory, findAffected } from './advisories.ts';
import type { LockedPackage } from './lockfile.ts';
import type { IgnoredAdvisory } from './policy.ts';

/** The outcome of a comparison of packages with advisories. */
export interface AuditReport {
  readonly advisories: number;
  /** One line for each vulnerable package and advisory, sorted. */
  readonly vulnerable: readonly string[];
  /** The same for those that are ignored. */
  readonly ignored: readonly string[];
}

/** Compares all packages with all advisories. What is ignored counts again from the day `until`. */
export async function auditPackages(
  packages: readonly LockedPackage[],
  advisories: AsyncIterable<Advisory>,
  ignores: readonly IgnoredAdvisory[],
  today: string,
): Promise<AuditReport> {
  const byName = Map.groupBy(packages, ({ name }) => name);
  const [vulnerable, ignored] = [new Set<string>(), new Set<string>()];
  let count = 0;
  for await (const advisory of advisories) {
    count += 1;
    const names = new Set(advisory.affected?.map((entry) => entry.package?.name ?? ''));
    for (const entry of [...names].flatMap((name) => byName.get(name) ?? [])) {
      const finding = findAffected(advisory, entry.name, entry.version);
      if (finding === undefined) continue;
      const ids = [advisory.id, ...(advisory.aliases ?? [])];
      const line = lineOf(entry, advisory, finding.fixed);
      const judged = judgeFinding({ ids, name: entry.name, line }, ignores, today);
      (judged.isIgnored ? ignored : vulnerable).add(judged.line);
    }
  }
  return { advisories: count, vulnerable: [...vulnerable].sort(), ignored: [...ignored].sort() };
}

/** A vulnerable package, with all ids of the advisory, and the line that says so. */
export interface Finding {
  readonly ids: readonly string[];
  readonly name: string;
  readonly line: string;
}

/** Looks whether a finding is ignored, and adds that to its line. */
export function judgeFinding(
  { ids, name, line }: Finding,
  ignores: readonly IgnoredAdvisory[],
  today: string,
): { readonly isIgnored: boolean; readonly line: string } {
  const ignore = ignores.find((each) => ids.includes(each.id) && each.name === name);
  if (ignore === undefined) return { isIgnored: false, line };
  const { until, why } = ignore;
  if (until <= today) return { isIgnored: false, line: `${line}; it was ignored until ${until}` };
  return { isIgnored: true, line: `${line}; ignored until ${until}: ${why}` };
}

function lineOf({ name, version, dev }: LockedPackage, advisory: Advisory, fixed: readonly string[]): string {
  const use = dev ? 'development' : 'shipped';
  const remedy = fixed.length > 0 ? `fixed in ${fixed.join(', ')}` : 'no fixed version';
  return `${name} ${version} (${use}): ${advisory.id}: ${advisory.summary ?? 'no summary'}; ${remedy}`;
}
