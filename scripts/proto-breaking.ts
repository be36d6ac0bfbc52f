import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { collectThirdPartyProtos } from './third-party-protos.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Default commits to compare with. A clone of another branch has only `origin/main`. */
const defaultBaselines = ['main', 'origin/main'];

/** Images are compared outside of a workspace, so third-party contracts are ignored by package. */
const config = JSON.stringify({ version: 'v2', breaking: { use: ['FILE'], ignore: ['buf', 'google', 'grpc'] } });

/** Returns the descriptors in a commit, or undefined if the commit or its descriptors do not exist. */
function readDescriptors(commit: string): Buffer | undefined {
  const shown = spawnSync('git', ['show', `${commit}:gen/descriptors.binpb`], { cwd: root, maxBuffer: 2 ** 26 });
  return shown.status === 0 ? shown.stdout : undefined;
}

/** Compares the contracts with a baseline. Returns false if they break callers; buf then prints where. */
async function isCompatible(baseline: Buffer): Promise<boolean> {
  const dir = await mkdtemp(join(tmpdir(), 'ordermesh-breaking-'));
  try {
    const [now, against] = [join(dir, 'now.binpb'), join(dir, 'baseline.binpb')];
    await writeFile(against, baseline);
    return buf('build', '--output', now) && buf('breaking', now, '--against', against, '--config', config);
  } finally {
    await rm(dir, { recursive: true });
  }
}

function buf(...args: string[]): boolean {
  return spawnSync('buf', args, { cwd: root, stdio: 'inherit' }).status === 0;
}

async function main(requested: string | undefined): Promise<void> {
  await collectThirdPartyProtos(join(root, '.cache/proto'));
  const commits = requested === undefined ? defaultBaselines : [requested];
  const commit = commits.find((candidate) => readDescriptors(candidate) !== undefined);
  const baseline = commit && readDescriptors(commit);
  if (!baseline) {
    console.log(`nothing to compare with: no gen/descriptors.binpb in ${commits.join(' or ')}`);
    return;
  }
  if (await isCompatible(baseline)) return;
  console.error(
    `the contracts break callers of ${commit}: add fields and methods instead of changing them, or create a new package version`,
  );
  process.exitCode = 1;
}

await main(process.argv[2]);
