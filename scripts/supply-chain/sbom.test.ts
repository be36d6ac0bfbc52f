import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readManifest } from '../packages/manifest.ts';
import { readLockfile } from './lockfile.ts';
import { createSbom, reproducible } from './sbom.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('the bill of materials', async () => {
  const sbom = await createSbom(root);
  const { version } = await readManifest(root);

  it('names each package that ships, with its hash and its licence', async () => {
    const shipped = (await readLockfile(`${root}/package-lock.json`)).filter(({ dev }) => !dev);
    const names = shipped.map(({ name, version }) => `${name}@${version}`);
    expect(sbom.components.map((component) => component['bom-ref'])).toEqual([...new Set(names)].sort());
    for (const component of sbom.components) {
      expect(component).toMatchObject({
        purl: `pkg:npm/${component.name.replace('@', '%40')}@${component.version}`,
        hashes: [{ alg: 'SHA-512', content: expect.stringMatching(/^[0-9a-f]{128}$/) }],
        licenses: [expect.anything()],
      });
    }
  });

  it('names only packages as dependencies that it has', () => {
    const known = new Set([...sbom.components.map((component) => component['bom-ref']), `ordermesh@${version}`]);
    const named = sbom.dependencies.flatMap(({ ref, dependsOn }) => [ref, ...dependsOn]);
    expect(named.filter((ref) => !known.has(ref))).toEqual([]);
    expect(sbom).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.5', version: 1 });
    expect(sbom.metadata.component).toMatchObject({ name: 'ordermesh', type: 'application' });
  });

  it('is the same for the same packages, in whatever order and whenever npm names them', () => {
    const again = structuredClone(sbom);
    again.components.reverse();
    again.dependencies.reverse();
    again.metadata.timestamp = '2026-01-01T00:00:00Z';
    again.serialNumber = 'urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79';
    again.metadata.component.name = 'a-clone';
    expect(reproducible(again, 'ordermesh')).toEqual(sbom);
    expect(sbom.serialNumber).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    again.components.pop();
    expect(reproducible(again, 'ordermesh').serialNumber).not.toBe(sbom.serialNumber);
  });
});
