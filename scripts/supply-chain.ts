import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findInstallScripts } from './supply-chain/install-scripts.ts';
import { findForbiddenLicences } from './supply-chain/licences.ts';
import { findUnfixedPackages, readLockfile } from './supply-chain/lockfile.ts';

// Checks the packages of the lockfile: their hashes, origin, licences and install scripts.

const root = fileURLToPath(new URL('..', import.meta.url));
const packages = await readLockfile(join(root, 'package-lock.json'));
const problems = [
  ...findUnfixedPackages(packages),
  ...findForbiddenLicences(packages),
  ...findInstallScripts(packages, await readFile(join(root, '.npmrc'), 'utf8')),
];
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
