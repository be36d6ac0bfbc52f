import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe } from 'vitest';
import { type BuildClient, clientSuite } from './client.suite.ts';

const build: BuildClient = async (folder) => {
  const program = join(folder, 'examples/clients/rust');
  const env = { ...process.env, RUSTFLAGS: '-D warnings', CARGO_PROFILE_DEV_DEBUG: 'false' };
  await promisify(execFile)('cargo', ['build', '-q', '--locked'], { cwd: program, env });
  return [join(program, 'target/debug/ordermesh-client')];
};

// It compiles for minutes, and only `make verify-polyglot` installs what it needs.
describe.runIf(process.env.VERIFY_POLYGLOT === '1')('the client in Rust', () => clientSuite('rust', build, false));
