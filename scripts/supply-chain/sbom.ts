import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readLockfile } from './lockfile.ts';

/** A software bill of materials in the format of CycloneDX 1.5. Only what is changed here. */
export interface Sbom {
  readonly specVersion: string;
  serialNumber: string;
  readonly metadata: {
    timestamp?: string;
    readonly component: { readonly 'bom-ref': string; name: string; type: string };
  };
  components: SbomComponent[];
  dependencies: SbomDependency[];
}

interface SbomComponent {
  readonly 'bom-ref': string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly scope: string;
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  readonly licenses?: readonly unknown[];
}

interface SbomDependency {
  readonly ref: string;
  dependsOn: string[];
}

/**
 * Returns what ships: the packages of the lockfile in the folder `root` that `npm ci --omit=dev` installs on some
 * platform. `npm sbom --omit=dev` leaves out those that development packages need too, so the lockfile decides.
 */
export async function createSbom(root: string): Promise<Sbom> {
  const args = ['sbom', '--sbom-format=cyclonedx', '--package-lock-only'];
  const { stdout } = await promisify(execFile)('npm', args, { cwd: root, maxBuffer: 64 * 1024 * 1024 });
  const { name }: { name: string } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const shipped = (await readLockfile(join(root, 'package-lock.json'))).filter(({ dev }) => !dev);
  const refs = new Set(shipped.map((entry) => `${entry.name}@${entry.version}`));
  return reproducible(onlyThose(JSON.parse(stdout), refs), name);
}

/** Leaves out all components but those with these references. */
function onlyThose(sbom: Sbom, refs: ReadonlySet<string>): Sbom {
  const whole = sbom.metadata.component['bom-ref'];
  const components = sbom.components.filter((component) => refs.has(component['bom-ref']));
  const dependencies = sbom.dependencies
    .filter(({ ref }) => ref === whole || refs.has(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((other) => refs.has(other)) }));
  return { ...sbom, components, dependencies };
}

/**
 * Makes the bill the same for the same packages: sorted, without a time, and with a serial number that
 * follows from the rest.
 */
export function reproducible(sbom: Sbom, name: string): Sbom {
  const result = structuredClone(sbom);
  delete result.metadata.timestamp;
  // npm takes the name of the folder.
  Object.assign(result.metadata.component, { name, type: 'application' });
  result.components.sort((a, b) => compare(a['bom-ref'], b['bom-ref']));
  result.dependencies.sort((a, b) => compare(a.ref, b.ref));
  for (const dependency of result.dependencies) dependency.dependsOn.sort(compare);
  result.serialNumber = '';
  result.serialNumber = `urn:uuid:${uuidOf(JSON.stringify(result))}`;
  return result;
}

/** By code units, whatever the language of the system. */
function compare(left: string, right: string): number {
  return left < right ? -1 : Number(left > right);
}

/** A UUID of version 8, from a hash (RFC 9562, §5.8). */
function uuidOf(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16);
  bytes[6] = (bytes.readUInt8(6) & 0x0f) | 0x80;
  bytes[8] = (bytes.readUInt8(8) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
