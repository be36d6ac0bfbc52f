import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { messageOf } from '../mesh/errors/error-text.ts';
import { readAdvisories } from './supply-chain/advisories.ts';
import { type AuditReport, auditPackages } from './supply-chain/audit.ts';
import { findInstallScripts } from './supply-chain/install-scripts.ts';
import { findForbiddenLicences } from './supply-chain/licences.ts';
import { findUnfixedPackages, readLockfile } from './supply-chain/lockfile.ts';
import { ignoredAdvisories } from './supply-chain/policy.ts';
import { judgeNpmAudit, type NpmAudit } from './supply-chain/registry-audit.ts';
import { createSbom } from './supply-chain/sbom.ts';

// What the packages of the lockfile are, and whether they may be used.
// check: their hashes, origin, licences and install scripts.
// audit: known vulnerabilities, from the file or folder ADVISORIES (OSV), else from npm's registry.
// sbom: writes dist/sbom.cdx.json.
// Exit code: 1 if there is something to do, 2 if nothing could be found out.

const root = fileURLToPath(new URL('..', import.meta.url));
const commands: Readonly<Record<string, () => Promise<number>>> = { check, audit, sbom };
const [name = ''] = process.argv.slice(2);
const command = commands[name];
if (command === undefined) {
  console.error(`unknown command "${name}": use ${Object.keys(commands).join(', ')}`);
  process.exitCode = 2;
} else {
  process.exitCode = await command().catch((error: unknown) => {
    console.error(messageOf(error));
    return 2;
  });
}

async function check(): Promise<number> {
  const packages = await readLockfile(join(root, 'package-lock.json'));
  const problems = [
    ...findUnfixedPackages(packages),
    ...findForbiddenLicences(packages),
    ...findInstallScripts(packages, await readFile(join(root, '.npmrc'), 'utf8')),
  ];
  for (const problem of problems) console.error(problem);
  return problems.length > 0 ? 1 : 0;
}

async function audit(): Promise<number> {
  const path = process.env.ADVISORIES || undefined;
  const today = new Date().toISOString().slice(0, 10);
  if (path === undefined) {
    const judged = judgeNpmAudit(await askRegistry(), ignoredAdvisories, today);
    return report('asked the registry', judged);
  }
  const packages = await readLockfile(join(root, 'package-lock.json'));
  const judged = await auditPackages(packages, readAdvisories(path), ignoredAdvisories, today);
  return report(`compared ${packages.length} packages with ${judged.advisories} advisories in ${path}`, judged);
}

function report(done: string, { vulnerable, ignored }: Pick<AuditReport, 'vulnerable' | 'ignored'>): number {
  for (const line of ignored) console.log(line);
  for (const line of vulnerable) console.error(line);
  console.log(`${done}: ${vulnerable.length} vulnerable, ${ignored.length} ignored`);
  return vulnerable.length > 0 ? 1 : 0;
}

/** npm sends the names and versions of all packages to its registry. */
async function askRegistry(): Promise<NpmAudit> {
  console.log('ADVISORIES is not set: asking the registry that npm is configured for');
  const run = promisify(execFile)('npm', ['audit', '--package-lock-only', '--json'], { cwd: root });
  // It exits with 1 if there are vulnerabilities, and if there was no answer.
  const { stdout } = await run.catch((error: unknown) => error as { readonly stdout?: string });
  const answer: NpmAudit = JSON.parse(stdout || '{}');
  if (answer.metadata !== undefined) return answer;
  const cause = answer.message ?? answer.error?.summary ?? 'no answer';
  throw new Error(`the registry cannot be asked (${cause}): set ADVISORIES to a file or folder of advisories (OSV)`);
}

async function sbom(): Promise<number> {
  const bill = await createSbom(root);
  const file = join(root, 'dist', 'sbom.cdx.json');
  await mkdir(join(root, 'dist'), { recursive: true });
  await writeFile(file, `${JSON.stringify(bill, null, 2)}\n`);
  console.log(`wrote dist/sbom.cdx.json: ${bill.components.length} packages, CycloneDX ${bill.specVersion}`);
  return 0;
}
