import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { collectThirdPartyProtos } from './third-party-protos.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What to compare with when nobody says: `main`, as a clone of another branch has it too. */
const defaultBaselines = ['main', 'origin/main'];

/** Two images are compared, with no workspace around them, so the third-party contracts are named by package. */
const config = JSON.stringify({ version: 'v2', breaking: { use: ['FILE'], ignore: ['buf', 'google', 'grpc'] } });

/** The committed descriptors of a commit; `undefined` when there is no such commit, or it has none. */
function readDescriptors(commit: string): Buffer | undefined {
  const shown = spawnSync('git', ['show', `${commit}:gen/descriptors.binpb`], { cwd: root, maxBuffer: 2 ** 26 });
  return shown.status === 0 ? shown.stdout : undefined;
}

/** Compares the contracts with descriptors; `false`: a caller would break, and buf has said where. */
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

async function main(asked: string | undefined): Promise<void> {
  await collectThirdPartyProtos(join(root, '.cache/proto'));
  const commits = asked === undefined ? defaultBaselines : [asked];
  const commit = commits.find((candidate) => readDescriptors(candidate) !== undefined);
  const baseline = commit && readDescriptors(commit);
  if (!baseline) {
    console.log(`no contracts to compare with: ${commits.join(' and ')} have no gen/descriptors.binpb`);
    return;
  }
  if (await isCompatible(baseline)) return;
  console.error(
    `the contracts break callers of ${commit}; add instead of changing, or make a new version of the package`,
  );
  process.exitCode = 1;
}

await main(process.argv[2]);
