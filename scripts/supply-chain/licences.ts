import type { LockedPackage } from './lockfile.ts';
import { allowedLicences, licenceExceptions } from './policy.ts';

/** Returns a message for each package whose licence is not allowed, and for each exception that no package needs. */
export function findForbiddenLicences(packages: readonly LockedPackage[]): string[] {
  const needed = new Set<string>();
  const forbidden = packages.flatMap(({ name, path, license = 'no licence', dev = false }) => {
    if (isAllowed(license)) return [];
    const exception = licenceExceptions.find((entry) => entry.licence === license && entry.packages.test(name));
    if (exception !== undefined) needed.add(exception.licence);
    if (exception !== undefined && (dev || !exception.developmentOnly)) return [];
    return [
      `${path} has the licence "${license}": use another package, or add an exception with its reason to policy.ts`,
    ];
  });
  const unneeded = licenceExceptions.filter(({ licence }) => !needed.has(licence));
  return [...forbidden, ...unneeded.map(({ licence }) => `no package needs the exception for ${licence}: remove it`)];
}

/** Whether an SPDX expression of names, `OR` and `AND` lets us use the package. Any other expression does not. */
function isAllowed(expression: string): boolean {
  const flat = expression.replace(/^\(([^()]*)\)$/, '$1');
  if (/[()]/.test(flat)) return false;
  return flat.split(' OR ').some((choice) => choice.split(' AND ').every((licence) => allowedLicences.has(licence)));
}
