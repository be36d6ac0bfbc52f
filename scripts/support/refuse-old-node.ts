import { readFileSync } from 'node:fs';
import { checkNode } from '../../mesh/errors/check-node.ts';

/**
 * Prints what to do, sets the exit code 2 and returns true if this Node is older than `engines` in package.json allows. A program
 * imports its other modules after that: an older Node cannot link them, and its errors do not say why.
 */
export function refuseOldNode(program: string): boolean {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { engines }: { readonly engines: { readonly node: string } } = JSON.parse(manifest);
  try {
    checkNode(program, engines.node.replace('>=', ''));
    return false;
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 2;
    return true;
  }
}
