import type { LockedPackage } from './lockfile.ts';
import { unrunInstallScripts } from './policy.ts';

/**
 * Returns a message for each package that wants to run a program when it is installed and is not known to do without,
 * and one if `.npmrc` lets npm run them.
 */
export function findInstallScripts(packages: readonly LockedPackage[], npmrc: string): string[] {
  const wanting = packages.filter((entry) => entry.hasInstallScript).map(({ name }) => name);
  const runs = /^ignore-scripts=true$/m.test(npmrc)
    ? []
    : ['.npmrc lets packages run programs: set ignore-scripts=true'];
  const unknown = wanting.filter((name) => !(name in unrunInstallScripts));
  const gone = Object.keys(unrunInstallScripts).filter((name) => !wanting.includes(name));
  return [
    ...runs,
    ...unknown.map((name) => `${name} has an install script: see whether it does without, and name it in policy.ts`),
    ...gone.map((name) => `${name} has no install script any more: remove it from policy.ts`),
  ];
}
