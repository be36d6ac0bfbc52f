import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startProcess } from '../../mesh/testing/servers/start-process.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { type StartVersion, stopCleanly, tryWayBack } from './versions.ts';

const ready = `console.log('ready grpc=127.0.0.1:1 http=off'); setInterval(() => undefined, 1_000);`;

describe('the way back to the older version', () => {
  it.each([
    ['starts', `process.on('SIGTERM', () => process.exit(0)); ${ready}`, 'starts'],
    [
      'refuses and says why',
      `console.error('cannot start: no such table: topic'); process.exit(1);`,
      'refuses to start: no such table: topic',
    ],
  ])('is reported: the older version %s', async (_, program, report) => {
    await using older = await programOf(program);
    expect(await tryWayBack(older.start)).toBe(report);
  });

  it.each([
    [
      'crashes',
      `throw new TypeError('of something else');`,
      /did not refuse the data, it failed: .*of something else/s,
    ],
    ['is killed', `process.kill(process.pid, 'SIGKILL');`, /did not refuse the data, it failed: .*SIGKILL/s],
    [
      'does not stop cleanly',
      `process.on('SIGTERM', () => { console.error('lost it'); process.exit(3); }); ${ready}`,
      /older version ended with exit code 3 when it was stopped:.*lost it/s,
    ],
  ])('fails if it %s', async (_, program, text) => {
    await using older = await programOf(program);
    await expect(tryWayBack(older.start)).rejects.toThrow(text);
  });

  it('fails if it neither starts nor ends in time', async () => {
    await using older = await programOf('setTimeout(() => undefined, 4_000);');
    await expect(tryWayBack(older.start, 500)).rejects.toThrow('neither started nor ended within 0.5 s');
  });

  it('fails if it does not stop in time', async () => {
    await using older = await programOf(`process.on('SIGTERM', () => undefined); ${ready}`);
    await using mesh = await older.start('older');
    await expect(stopCleanly('older', mesh, 500)).rejects.toThrow('the older version did not stop within 0.5 s');
  });
});

/** A program in the place of the older version. */
async function programOf(text: string) {
  const folder = await tempFolder();
  const main = join(folder.path, 'main.ts');
  await writeFile(main, text);
  const start: StartVersion = () => startProcess({ dataDir: folder.path, main });
  return { start, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}
