import { expect, it } from 'vitest';
import { readManifest } from '../../../scripts/packages/manifest.ts';
import { neededNode } from './needed-node.ts';

it('is the Node that the package declares', async () => {
  expect((await readManifest('packages/grpc')).engines.node).toBe(`>=${neededNode}`);
});
