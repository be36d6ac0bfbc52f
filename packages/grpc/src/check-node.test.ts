import { expect, it } from 'vitest';
import { readManifest } from '../../../scripts/packages/manifest.ts';
import { checkNode, neededNode } from './check-node.ts';

it('needs the Node that the package declares', async () => {
  expect((await readManifest('packages/grpc')).engines.node).toBe(`>=${neededNode}`);
});

it.each(['20.20.2', '24.9.0'])('refuses Node %s', (version) => {
  expect(() => checkNode(version)).toThrow(`needs Node ${neededNode} or later, this is ${version}`);
});

it.each([process.versions.node, '24.12.0', '25.0.0', '100.1.0'])('accepts Node %s', (version) => {
  expect(() => checkNode(version)).not.toThrow();
});
