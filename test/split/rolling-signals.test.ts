import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { eventually } from '../../mesh/testing/eventually.ts';
import { type Ending, spawnCommand } from '../../mesh/testing/servers/spawn-command.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { describeWithRealServers } from '../support/real-servers.ts';

describeWithRealServers('make verify-rolling', () => {
  it.each<[string, NodeJS.Signals, Ending]>([
    ['ends its mesh on Ctrl-C, and exits after it', 'SIGINT', { code: 130, signal: null }],
    ['leaves no mesh behind when it is killed', 'SIGKILL', { code: null, signal: 'SIGKILL' }],
  ])('%s', { timeout: 60_000 }, async (_, signal, ending) => {
    await using folder = await tempFolder();
    const log = join(folder.path, 'rolling', 'log');
    const logged = () => (existsSync(log) ? readFileSync(log, 'utf8') : '');
    await using program = spawnCommand({
      command: [process.execPath, 'scripts/rolling.ts', 'order'],
      environment: { DATA_DIR: folder.path, LOG_LEVEL: 'info' },
    });
    // Its mesh is starting.
    const control = join(folder.path, 'rolling', 'split', 'control');
    await eventually(() => expect(existsSync(control)).toBe(true), { timeoutMs: 30_000 });
    expect(await program.end(signal), program.stderr()).toEqual(ending);
    const patient = { timeoutMs: signal === 'SIGINT' ? 1 : 20_000 };
    await eventually(
      () => expect(logged()).toMatch(/draining after SIG(INT|TERM)[^\n]*\n(.*\n)*.*stopped\n$/),
      patient,
    );
  });
});
