import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { envoy, startEnvoyWith } from '../../../mesh/testing/servers/envoy.ts';
import { freePort } from '../../../mesh/testing/servers/free-port.ts';
import type { StartedProxy } from '../../../mesh/testing/servers/proxy.ts';
import { tempFolder } from '../../../mesh/testing/temp-folder.ts';
import { escapeControls, formatTable } from '../../support/format.ts';
import { comparedProbes } from './comparison.ts';
import { observe } from './outcome.ts';
import { type ShapesMesh, shapeService, startShapesMesh } from './shapes-mesh.ts';
import { transcoderConfig } from './transcoder-config.ts';
import { judge, type Verdict } from './verdict.ts';
import { withoutResponseBodies } from './without-response-bodies.ts';

/**
 * Sends all probes to Envoy and to the edge, which stand in front of the same server, and prints what each did. Returns the
 * number of faults.
 */
export async function verifyEnvoy(): Promise<number> {
  if (envoy.version === undefined) throw new Error('Envoy is not installed: run "make deps-edge"');
  await using mesh = await startShapesMesh();
  await using proxy = await startTranscoder(mesh);
  const verdicts: Verdict[] = [];
  for (const named of comparedProbes()) {
    const theirs = await observe(proxy.address, named.probe, mesh);
    verdicts.push(judge(named, theirs, await observe(mesh.httpAddress, named.probe, mesh)));
  }
  print(verdicts);
  return verdicts.filter(({ kind }) => kind === 'fault').length;
}

async function startTranscoder(mesh: ShapesMesh): Promise<StartedProxy> {
  await using folder = await tempFolder();
  const address = `127.0.0.1:${await freePort()}`;
  const config = { address, target: mesh.address, services: [shapeService] };
  await assertRefused(transcoderConfig({ ...config, descriptors: mesh.descriptors }), address);
  const descriptors = join(folder.path, 'descriptors.binpb');
  await writeFile(descriptors, withoutResponseBodies(await readFile(mesh.descriptors)));
  // It reads them before it listens.
  return await startEnvoyWith(transcoderConfig({ ...config, descriptors }), address);
}

/** It does not start with a `response_body`; those of the contract are removed for it. */
async function assertRefused(config: object, address: string): Promise<void> {
  const refusal = await startEnvoyWith(config, address).then(
    (proxy) => proxy[Symbol.asyncDispose](),
    (error: unknown) => error,
  );
  if (!String(refusal).includes('response_body')) throw new Error(`Envoy was to refuse response_body: ${refusal}`);
}

const maxCell = 60;

function print(verdicts: readonly Verdict[]): void {
  const rows = verdicts.map(({ name, envoy, ordermesh, text, kind }) => [
    name,
    cut(envoy),
    cut(ordermesh),
    kind === 'fault' ? `FAULT: ${text}` : text,
  ]);
  console.log(formatTable([['probe', 'Envoy', 'ordermesh', ''], ...rows]).join('\n'));
  const count = (wanted: Verdict['kind']) => verdicts.filter(({ kind }) => kind === wanted).length;
  const counts = `${count('equal')} equal, ${count('intended')} intended differences, ${count('fault')} faults`;
  console.log(`\nEnvoy ${envoy.version}: ${verdicts.length} probes, ${counts}`);
  for (const { name, envoy, ordermesh, text, kind } of verdicts) {
    if (kind !== 'fault') continue;
    console.log(`\n${name}: ${text}`);
    console.log(`  Envoy:     ${escapeControls(envoy)}\n  ordermesh: ${escapeControls(ordermesh)}`);
  }
}

function cut(text: string): string {
  return escapeControls(text.length > maxCell ? `${text.slice(0, maxCell - 1)}…` : text);
}
