import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readSome } from '../../../mesh/events/testing/sample-events.ts';
import { spawnProcess } from '../../../mesh/testing/servers/start-process.ts';
import { startMesh } from '../../../mesh/testing/start-mesh.ts';
import { type TempFolder, tempFolder } from '../../../mesh/testing/temp-folder.ts';

const main = 'scripts/ordermesh.ts';

describe('make damaged', () => {
  let folder: TempFolder;

  beforeEach(async () => {
    folder = await tempFolder();
    const mesh = await startMesh([], { DATA_DIR: folder.path });
    await mesh.runtime.events.ensureTopic('notes', { partitions: 1 });
    await mesh.runtime.events.publish(
      [1, 2, 3].map((number) => ({
        topic: 'notes',
        key: 'a',
        headers: {},
        value: Buffer.from(`${number}`),
        timeMs: Date.now(),
      })),
    );
    await mesh.stop();
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  async function run(...args: string[]) {
    await using tool = spawnProcess({ main, args: ['damaged', ...args], dataDir: folder.path });
    const { code } = await tool.ended;
    return { code, lines: tool.stdout().trimEnd().split('\n'), errors: tool.stderr() };
  }

  function damage(file: string, sql: string): void {
    const database = new DatabaseSync(join(folder.path, file));
    database.exec(sql);
    database.close();
  }

  it('names the files without damage and those that do not exist', async () => {
    const [log, queue] = [join(folder.path, 'events.db'), join(folder.path, 'tasks.db')];
    expect(await run()).toEqual({ code: 0, lines: [`no damage found in ${log} and ${queue}`], errors: '' });
    await rm(log);
    expect(await run('list')).toEqual({
      code: 0,
      lines: [`${log} does not exist`, `no damage found in ${queue}`],
      errors: '',
    });
    expect(existsSync(log)).toBe(false);
    expect((await run('skip', 'notes/0/1', '--note=x')).errors).toContain('no embedded log found');
  });

  it('fails if there is nothing to check, and creates no folder', async () => {
    const dataDir = join(folder.path, 'nope');
    const errors = expect.stringContaining(
      `${join(dataDir, 'events.db')} and ${join(dataDir, 'tasks.db')} not found: set DATA_DIR`,
    );
    for (const args of [[], ['skip', 'notes/0/1', '--note=x']]) {
      await using tool = spawnProcess({ main, args: ['damaged', ...args], dataDir });
      expect(await tool.ended).toMatchObject({ code: 2 });
      expect({ lines: tool.stdout(), errors: tool.stderr() }).toEqual({ lines: '', errors });
      expect(existsSync(dataDir)).toBe(false);
    }
    const environment = { EVENTS_URL: 'kafka://127.0.0.1:1', TASKS_URL: 'amqp://127.0.0.1:1' };
    await using tool = spawnProcess({ main, args: ['damaged'], dataDir, environment });
    expect(await tool.ended).toMatchObject({ code: 2 });
    expect(tool.stderr()).toContain('EVENTS_URL and TASKS_URL name brokers');
  });

  it('prints a skip command that runs as it is', async () => {
    damage('events.db', "UPDATE record SET value = X'00' WHERE id & 255 = 1");
    const [line] = (await run()).lines;
    const command = /make damaged ARGS=.*$/.exec(line ?? '')?.[0] ?? '';
    // The same recipe as in the Makefile, without its prerequisites.
    const make = `make() { sh -c "exec '${process.execPath}' scripts/ordermesh.ts damaged \${2#ARGS=}"; }`;
    const env = { ...process.env, DATA_DIR: folder.path };
    const { stdout } = await promisify(execFile)('sh', ['-c', `${make}; ${command}`], { env });
    expect(stdout).toContain('skipped 1 event at notes/0/1');
  });

  it('lists a damaged event and skips it, so the events after it are delivered', async () => {
    damage('events.db', "UPDATE record SET value = X'00' WHERE id & 255 = 1");
    const place = expect.stringMatching(
      /^notes\/0\/1: event log .*events\.db is damaged: offset 1 of partition 0 of notes/,
    );
    expect(await run()).toEqual({ code: 1, lines: [place], errors: '' });
    expect(await run('skip', 'notes/0/1', '--note=an old one')).toEqual({
      code: 0,
      lines: [
        `skipped 1 event at notes/0/1; its data is kept in the table skipped_record of ${join(folder.path, 'events.db')}; start the mesh again`,
      ],
      errors: '',
    });
    expect(await run()).toMatchObject({ code: 0 });
    const mesh = await startMesh([], { DATA_DIR: folder.path });
    const events = await readSome(mesh.runtime.events, 'notes', { at: 'beginning' }, 2);
    await mesh.stop();
    expect(events.map(({ offset }) => offset)).toEqual([0n, 2n]);
  });

  it('lists a damaged task and skips it', async () => {
    const before = await startMesh([], { DATA_DIR: folder.path });
    await before.runtime.tasks.enqueue('jobs', [{ id: 'job-1', payload: Buffer.from('x'), headers: {} }]);
    await before.stop();
    damage('tasks.db', "UPDATE queued_task SET payload = X'00'");
    const file = join(folder.path, 'tasks.db');
    expect(await run()).toMatchObject({
      code: 1,
      lines: [
        expect.stringMatching(
          `^task/1: task queue ${file} is damaged: task job-1 .* of jobs .*make damaged ARGS='skip task/1 --note=why'$`,
        ),
      ],
    });
    expect(await run('skip', 'task/2', '--note=x')).toMatchObject({ code: 2 });
    expect(await run('skip', 'task/1', '--note=sent by hand')).toMatchObject({
      code: 0,
      lines: [`skipped task/1; its data is kept in the table damaged_task of ${file}; start the mesh again`],
    });
    expect(await run()).toMatchObject({ code: 0 });
  });

  it('refuses places that are not damaged, and invalid arguments', async () => {
    expect(await run('skip', 'notes/0/1', '--note=x')).toMatchObject({
      code: 2,
      errors: expect.stringContaining('no damage in'),
    });
    const words = await run('skip', 'notes/0/1', '--note=as', 'in', 'the', 'mail');
    expect(words).toMatchObject({ code: 2, errors: expect.stringContaining('in quotes') });
    for (const args of [['skip'], ['skip', 'notes/0/1'], ['skip', 'notes', '--note=x'], ['fix']]) {
      expect(await run(...args)).toMatchObject({ code: 2, errors: expect.stringContaining('skip <place> --note') });
    }
    expect(await run('help')).toMatchObject({ code: 0, errors: '' });
  });

  it('fails while the mesh is running', async () => {
    const mesh = await startMesh([], { DATA_DIR: folder.path });
    const { code, errors } = await run();
    await mesh.stop();
    expect({ code, errors }).toEqual({ code: 2, errors: expect.stringContaining(`used by process ${process.pid} (`) });
  });
});
