import { readFileSync } from 'node:fs';

/**
 * Prints what to do, sets the exit code 2 and returns true if this Node is older than `engines` in package.json allows. A program
 * imports its other modules after that: an older Node cannot link them, and its errors do not say why.
 */
export function refuseOldNode(program: string): boolean {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { engines }: { readonly engines: { readonly node: string } } = JSON.parse(manifest);
  const needed = engines.node.replace('>=', '');
  if (!isOlder(process.versions.node, needed)) return false;
  console.error(`${program} needs Node ${needed} or later, this is ${process.versions.node}: install a newer one`);
  process.exitCode = 2;
  return true;
}

function isOlder(version: string, needed: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [neededMajor = 0, neededMinor = 0] = needed.split('.').map(Number);
  return major < neededMajor || (major === neededMajor && minor < neededMinor);
}
