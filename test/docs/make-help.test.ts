import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { readText } from './support/compose-file.ts';

it('make help lists the commands under what they are for', async () => {
  const { stdout } = spawnSync('make', ['-s', 'help'], { encoding: 'utf8' });
  const [help = '', ...groups] = stdout.split(/\n\n/).map((group) => group.trimEnd().split('\n'));
  const byHeading = new Map(
    groups.map(([heading = '', ...lines]) => [heading, lines.map((line) => line.split(' ')[0])]),
  );
  expect(help).toEqual([expect.stringMatching(/^help +list these commands$/)]);
  expect(byHeading.get('Use')).toEqual(expect.arrayContaining(['start', 'demo']));
  expect(byHeading.get('Operate')).toEqual(expect.arrayContaining(['status', 'audit']));
  expect(byHeading.get('Verify')).toEqual(expect.arrayContaining(['test', 'verify-upgrade']));
  const documented = [...(await readText('Makefile')).matchAll(/^## ([\w<>-]+): /gm)].map(([, name]) => name);
  expect(['help', ...[...byHeading.values()].flat()]).toEqual(documented);
});
