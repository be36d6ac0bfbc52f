import { glob, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { callingCommands } from '../../scripts/ordermesh/commands.ts';
import { compactCommand } from '../../scripts/ordermesh/compact.ts';
import { damagedCommand } from '../../scripts/ordermesh/damaged/damaged.ts';
import { withCommandsHere } from './commands-here.ts';

describe('the commands that texts name', () => {
  it.each([
    ['run "make audit"', 'run "ordermesh audit"'],
    ['then "make replay GROUP=readers", or', 'then "ordermesh replay readers", or'],
    ['rebuild it with "make rebuild PROJECTION=order-list"', 'rebuild it with "ordermesh rebuild order-list"'],
    ['skipped it with "make damaged"', 'skipped it with "ordermesh damaged"'],
    ["with: make damaged ARGS='skip a/1/2 --note=why'", 'with: ordermesh damaged skip a/1/2 --note=why'],
    ['see "npx ordermesh list user.v1.UserService"', 'see "ordermesh list user.v1.UserService"'],
    ['see "make status" and "make dead-letters"', 'see "ordermesh status" and "ordermesh dead-letters"'],
  ])('are those of the program outside of the repository: %s', (text, outside) => {
    expect(withCommandsHere(text, false)).toBe(outside);
    expect(withCommandsHere(text)).toBe(text);
  });

  it.each(['run "make start"', 'run "npx ordermesh-generate"', 'make audit', '{"text":"they say \\"make audit\\""}'])(
    'are left alone in %s',
    (text) => {
      expect(withCommandsHere(text, false)).toBe(text);
    },
  );
});

describe('the texts of the mesh', () => {
  it('name only commands that work outside of the repository too', async () => {
    const files = await Array.fromAsync(glob(['mesh/**/*.ts', 'services/**/*.ts', 'scripts/ordermesh/**/*.ts']));
    const sources = files.filter((file) => !/\/testing\/|\.(test|suite)\.ts$/.test(file));
    const texts = await Promise.all(sources.map((file) => readFile(file, 'utf8')));
    const named = texts.flatMap(
      (text) => text.match(/"make [a-z-]+(?: [A-Z]+=[^"\s]+)?"|make [a-z-]+ ARGS='[^']*'/g) ?? [],
    );
    expect(named).toEqual(expect.arrayContaining(['"make damaged"', '"make status"']));
    const left = named.filter((text) => withCommandsHere(text, false) === text);
    // This one says itself what to run outside of the repository.
    expect(left).toEqual(['"make gen"']);
  });

  it('name them through withCommandsHere in the runtime and the services', async () => {
    const files = await Array.fromAsync(glob(['mesh/**/*.ts', 'services/**/*.ts']));
    const sources = files.filter((file) => !/\/testing\/|commands-here|\.(test|suite)\.ts$/.test(file));
    const texts = await Promise.all(sources.map((file) => readFile(file, 'utf8')));
    const calls = /withCommandsHere\((?:'[^']*'|`[^`]*`)\)/g;
    const direct = texts.flatMap((text) => text.replace(calls, '').match(/"make [^"]*"|\bmake [a-z-]+ ARGS=/g) ?? []);
    // Both say what else to do outside of the repository, or are left out there.
    expect(new Set(direct)).toEqual(new Set(['"make gen"', '"make start TLS=1 AUTH=1"']));
    expect(texts.join('').match(calls)?.length).toBeGreaterThan(5);
  });

  it('name a command of the program that has no target through withCommandsHere', async () => {
    const files = await Array.fromAsync(glob(['mesh/**/*.ts', 'services/**/*.ts', 'scripts/ordermesh/**/*.ts']));
    const sources = files.filter((file) => !/\/testing\/|commands-here|\.(test|suite)\.ts$/.test(file));
    const lines = (await Promise.all(sources.map((file) => readFile(file, 'utf8')))).join('\n').split('\n');
    const naming = lines.filter((line) => line.includes('npx ordermesh '));
    expect(naming.length).toBeGreaterThan(3);
    expect(naming.filter((line) => !/withCommandsHere\([^)]*"npx ordermesh /.test(line))).toEqual([]);
  });

  it('name each command of the program that the Makefile has', async () => {
    const targets: readonly string[] = (await readFile('Makefile', 'utf8')).match(/^[a-z-]+(?=:)/gm) ?? [];
    const commands = [...callingCommands, damagedCommand, compactCommand];
    const shared = commands.map(({ name }) => name).filter((name) => targets.includes(name));
    expect(shared.map((name) => withCommandsHere(`"make ${name}"`, false))).toEqual(
      shared.map((name) => `"ordermesh ${name}"`),
    );
    expect(shared.length).toBeGreaterThan(9);
  });
});
