import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { verifyEnvoy } from './envoy/verify-envoy.ts';
import { verifyOpenApi } from './openapi/verify-openapi.ts';

// Verifies the edge with programs of others: all verifications, or those that the arguments name. Exits with 1 if one finds a
// fault.

/** Returns the number of faults that it printed. */
type Verification = () => Promise<number>;

const verifications: Readonly<Record<string, Verification>> = {
  envoy: verifyEnvoy,
  connect: () => runTests('test/conformance/connect-suite.test.ts', '--testNamePattern', 'against the edge'),
  chromium: () => runTests('test/edge/browser'),
  openapi: verifyOpenApi,
};

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(verifications);
const unknown = names.find((name) => !(name in verifications));
if (unknown !== undefined) {
  console.error(`unknown verification ${unknown}: use ${Object.keys(verifications).join(', ')}`);
  process.exit(2);
}
const failed: string[] = [];
for (const name of names) {
  console.log(`${name} ...`);
  const faults = await verifications[name]?.();
  if (faults !== 0) failed.push(name);
}
if (failed.length > 0) {
  console.error(`failed: ${failed.join(', ')}`);
  process.exitCode = 1;
}

async function runTests(path: string, ...options: readonly string[]): Promise<number> {
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  const env = { ...process.env, REQUIRE_SERVERS: '1', WHOLE_SUITES: '1' };
  return spawnSync('vitest', ['run', path, ...options], { cwd, env, stdio: 'inherit' }).status === 0 ? 0 : 1;
}
