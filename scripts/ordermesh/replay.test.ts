import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../mesh/testing/eventually.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { opsService } from '../../services/ops/service.ts';
import { createReaderService, type ReaderService } from '../../services/ops/testing/reader-service.ts';
import { replayCommand } from './replay.ts';
import { runHere } from './testing/run-here.ts';
import { spawnTool } from './testing/spawn-tool.ts';

describe('make replay', () => {
  let mesh: TestMesh;
  let reader: ReaderService;

  beforeEach(async () => {
    reader = createReaderService();
    reader.ignores = (value) => value === '2';
    mesh = await startMesh([reader.definition, opsService]);
    const event = { topic: 'notes', key: 'a', timeMs: Date.now() };
    const values = ['1', '2', '3'].map((value) => ({ ...event, headers: { ce_id: value }, value: Buffer.from(value) }));
    await mesh.runtime.events.publish(values);
    await eventually(() => expect(reader.applied).toEqual(['1', '3']));
  });
  afterEach(() => mesh.stop());

  const run = (...args: string[]) => spawnTool('replay', mesh.address, args);

  it('lists the groups with what they have not read', async () => {
    const { code, lines } = await run();
    expect(code).toBe(0);
    expect(lines[0]).toMatch(/^GROUP +SERVICE +TOPIC +EVENTS BEHIND +NEXT\/END BY PARTITION$/);
    expect(lines[1]).toMatch(/^readers +reader +notes +\d+ .*=\d\/3/);
  });

  it('lets a group read again what it ignored, and nothing twice', async () => {
    reader.ignores = () => false;
    expect(await run('readers')).toEqual({
      code: 0,
      lines: ['3 of 3 events', '1 event applied, 2 known before, 0 ignored by the handler'],
      errors: '',
    });
    expect(reader.applied).toEqual(['1', '3', '2']);
    const { code, lines } = await run('readers', '--from', new Date(Date.now() + 60_000).toISOString(), '--json');
    expect(code).toBe(0);
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ done: true });
  });

  it('lets a group read from the offsets of some partitions, and the others from the beginning', async () => {
    reader.ignores = () => false;
    const partition = Number(/(\d+)=\d+\/3/.exec((await run()).lines[1] ?? '')?.[1]);
    expect(await run('readers', '--from', `${partition}=1,${(partition + 1) % 12}=0`)).toEqual({
      code: 0,
      lines: ['2 of 2 events', '1 event applied, 1 known before, 0 ignored by the handler'],
      errors: '',
    });
    expect(reader.applied).toEqual(['1', '3', '2']);
    expect((await run('readers', '--from', `${(partition + 1) % 12}=0`)).lines[0]).toBe('3 of 3 events');
  });

  it('names the groups if it does not know the requested one', async () => {
    expect(await run('writers')).toMatchObject({
      code: 4,
      errors: 'refused with NOT_FOUND (UNKNOWN_GROUP): consumer group "writers" not found: use one of readers\n',
    });
  });
});

describe('replay, before it calls', () => {
  it.each([
    [['readers', '--from', '0=17,1'], 'invalid --from 0=17,1: use a time such as'],
    [['readers', '--from', 'yesterday'], 'invalid --from yesterday: use a time such as'],
    [['--from', 'beginning'], '--from and --topic require the name of a group'],
    [['a', 'b'], 'only one group can be replayed at a time'],
  ])('refuses %j and shows its usage', async (args, problem) => {
    const { code, errors } = await runHere(replayCommand, 'unused:1', args);
    expect(code).toBe(2);
    expect(errors).toContain(problem);
    expect(errors).toContain('<group> --from <time>');
  });
});
