import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readSome } from '../mesh/events/sample-events.testing.ts';
import { startMesh } from '../mesh/testing/start-mesh.ts';
import { spawnProcess } from '../test/support/start-process.ts';
import { tempFolder } from '../test/support/temp-folder.ts';

describe('make damaged', () => {
  let folder: Awaited<ReturnType<typeof tempFolder>>;

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
    await using tool = spawnProcess({ main: 'scripts/damaged.ts', args, dataDir: folder.path });
    const { code } = await tool.ended;
    return { code, lines: tool.stdout().trimEnd().split('\n'), errors: tool.stderr() };
  }

  function damage(file: string, sql: string): void {
    const database = new DatabaseSync(join(folder.path, file));
    database.exec(sql);
    database.close();
  }

  it('says that nothing is damaged, also where nothing is, and makes no file', async () => {
    expect(await run()).toEqual({ code: 0, lines: ['nothing is damaged'], errors: '' });
    await rm(join(folder.path, 'events.db'));
    expect(await run('list')).toEqual({ code: 0, lines: ['nothing is damaged'], errors: '' });
    expect((await run('skip', 'notes/0/1', '--note=x')).errors).toContain('there is no embedded log here');
  });

  it('lists a damaged event and skips it, with a note, so that what comes behind it goes on', async () => {
    damage('events.db', "UPDATE record SET value = X'00' WHERE id & 255 = 1");
    const place = expect.stringMatching(
      /^notes\/0\/1: the event log .*events\.db is damaged: offset 1 of partition 0 of notes/,
    );
    expect(await run()).toEqual({ code: 1, lines: [place], errors: '' });
    expect(await run('skip', 'notes/0/1', '--note=an old one')).toEqual({
      code: 0,
      lines: ['skipped 1 at notes/0/1; start the mesh again'],
      errors: '',
    });
    expect(await run()).toMatchObject({ code: 0 });
    const mesh = await startMesh([], { DATA_DIR: folder.path });
    const events = await readSome(mesh.runtime.events, 'notes', { at: 'beginning' }, 2);
    await mesh.stop();
    expect(events.map(({ offset }) => offset)).toEqual([0n, 2n]);
  });

  it('lists a damaged task and gives it up', async () => {
    const before = await startMesh([], { DATA_DIR: folder.path });
    await before.runtime.tasks.enqueue('jobs', [{ id: 'job-1', payload: Buffer.from('x'), headers: {} }]);
    await before.stop();
    damage('tasks.db', "UPDATE queued_task SET payload = X'00'");
    expect(await run()).toMatchObject({ code: 1, lines: ['task/1: task job-1 of jobs is not as it was written'] });
    expect(await run('skip', 'task/2', '--note=x')).toMatchObject({ code: 2 });
    expect(await run('skip', 'task/1', '--note=sent by hand')).toMatchObject({
      code: 0,
      lines: ['skipped task/1; start the mesh again'],
    });
    expect(await run()).toMatchObject({ code: 0 });
  });

  it('refuses what is not damaged, and arguments that make no command', async () => {
    expect(await run('skip', 'notes/0/1', '--note=x')).toMatchObject({
      code: 2,
      errors: expect.stringContaining('nothing damaged in'),
    });
    for (const args of [['skip'], ['skip', 'notes/0/1'], ['skip', 'notes', '--note=x'], ['fix']]) {
      expect(await run(...args)).toMatchObject({ code: 2, errors: expect.stringContaining('skip <place> --note') });
    }
    expect(await run('help')).toMatchObject({ code: 0, errors: '' });
  });

  it('is refused while the mesh runs', async () => {
    const mesh = await startMesh([], { DATA_DIR: folder.path });
    const { code, errors } = await run();
    await mesh.stop();
    expect({ code, errors }).toEqual({ code: 2, errors: expect.stringContaining('used by another process') });
  });
});
