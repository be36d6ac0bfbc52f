import { expect, it } from 'vitest';
import { checkNode } from './check-node.ts';

it.each(['20.20.2', '24.9.0'])('refuses Node %s', (version) => {
  expect(() => checkNode('program', '24.12', version)).toThrow(
    `program needs Node 24.12 or later, this is ${version}: install a newer one`,
  );
});

it.each(['24.12.0', '25.0.0', '100.1.0'])('accepts Node %s', (version) => {
  expect(() => checkNode('program', '24.12', version)).not.toThrow();
});
