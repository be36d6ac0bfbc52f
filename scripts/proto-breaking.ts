import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { create, fromBinary, isFieldSet, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema, FileOptionsSchema } from '@bufbuild/protobuf/wkt';
import { collectThirdPartyProtos } from './protos/third-party-protos.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Default commits to compare with. A clone of another branch has only `origin/main`. */
const defaultBaselines = ['main', 'origin/main'];

/**
 * Images are compared outside of a workspace, so third-party contracts are ignored by package. Options (`mesh.v1`) are
 * not sent, so one may go if its number and name are reserved.
 */
const config = JSON.stringify({
  version: 'v2',
  breaking: {
    use: ['FILE', 'FIELD_NO_DELETE_UNLESS_NAME_RESERVED', 'FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED'],
    ignore: ['buf', 'google', 'grpc'],
    ignore_only: { FIELD_NO_DELETE: ['mesh'] },
  },
});

/** The names of generated code. A contract has no callers in a language before it has that language's option. */
const languageOptions = [
  'csharpNamespace',
  'goPackage',
  'javaMultipleFiles',
  'javaOuterClassname',
  'javaPackage',
  'phpNamespace',
  'rubyPackage',
] as const;

/** Returns the baseline with the language options of `now` that it does not have, so only changed ones are breaking. */
export function withAddedLanguageOptions(baseline: Uint8Array, now: Uint8Array): Uint8Array {
  const files = new Map(fromBinary(FileDescriptorSetSchema, now).file.map((file) => [file.name, file.options]));
  const set = fromBinary(FileDescriptorSetSchema, baseline);
  for (const file of set.file) {
    const options = files.get(file.name);
    if (options === undefined) continue;
    file.options ??= create(FileOptionsSchema);
    for (const name of languageOptions) {
      const isAdded = !isFieldSet(file.options, FileOptionsSchema.field[name]);
      if (isAdded && isFieldSet(options, FileOptionsSchema.field[name])) {
        Object.assign(file.options, { [name]: options[name] });
      }
    }
  }
  return toBinary(FileDescriptorSetSchema, set);
}

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
    if (!buf('build', '--output', now)) return false;
    await writeFile(against, withAddedLanguageOptions(baseline, await readFile(now)));
    return buf('breaking', now, '--against', against, '--config', config);
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

if (import.meta.main) await main(process.argv[2]);
