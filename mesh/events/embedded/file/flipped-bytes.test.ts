import { copyFile, open as openFile, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { MeshError } from '../../../errors/mesh-error.ts';
import { eventually } from '../../../testing/eventually.ts';
import type { StoredEvent } from '../../log/event-log.ts';
import { collector, numbered } from '../../testing/sample-events.ts';
import { readAll, testLogFile } from '../testing/log-file.ts';

const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
const file = testLogFile();

describe('a file with flipped bytes', () => {
  it('never delivers a changed record, and reports what is damaged', {
    timeout: 120_000,
  }, async () => {
    const written = await file.open();
    await written.ensureTopic('t', { partitions: 3 });
    const headers = { ce_id: 'x'.repeat(36), ce_type: 'ORDER_PLACED' };
    const value = (index: number) => Buffer.from(`${index}`.repeat(index % 50 === 0 ? 3000 : 30));
    await written.publish(numbered('t', keys, 300).map((one, index) => ({ ...one, headers, value: value(index) })));
    const seen = collector();
    await written.consume({ group: 'g', topics: ['t'], handle: seen.handle });
    await eventually(() => expect(seen.events).toHaveLength(300));
    const before = new Map(seen.events.map((one) => [`${one.partition}/${one.offset}`, comparable(one)]));
    await file.close();
    const whole = `${file.path}.whole`;
    await copyFile(file.path, whole);
    const { length } = await readFile(whole);

    const outcomes = { refused: 0, stopped: 0, harmless: 0 };
    // Evenly over the file, and more densely in its first pages, which hold header and schema.
    const positions = [
      ...Array.from({ length: 250 }, (_, index) => Math.floor((length * (index + 0.5)) / 250)),
      ...Array.from({ length: 100 }, (_, index) => index * 81),
    ];
    for (const [round, position] of positions.entries()) {
      await copyFile(whole, file.path);
      await flip(file.path, position, (round % 255) + 1);
      const outcome = await tryRead(before);
      outcomes[outcome] += 1;
    }
    expect(outcomes.stopped).toBeGreaterThan(100);
    expect(outcomes.refused).toBeGreaterThan(0);
  });

  /** Opens the file and reads all of it. Fails if a record was changed or silently left out. */
  async function tryRead(before: ReadonlyMap<string, unknown>): Promise<'refused' | 'stopped' | 'harmless'> {
    try {
      const opened = await file.open();
      const { events, error } = await readAll(opened, 't', before.size);
      for (const one of events) expect(comparable(one)).toEqual(before.get(`${one.partition}/${one.offset}`));
      if (error === undefined) {
        expect(new Set(events.map(({ partition, offset }) => `${partition}/${offset}`)).size).toBe(before.size);
        return 'harmless';
      }
      expect(error).toMatchObject({ reason: 'STORAGE_CORRUPT', message: expect.stringContaining(file.path) });
      await expect(opened.checkPartitions()).rejects.toMatchObject({ reason: 'STORAGE_CORRUPT' });
      return 'stopped';
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      // A damaged schema may also look like that of another program.
      expect(['STORAGE_CORRUPT', 'STORAGE_MISCONFIGURED']).toContain(error.reason);
      expect(error.message).toContain(file.path);
      return 'refused';
    } finally {
      await file.close();
    }
  }

  const comparable = ({ key, headers, value, timeMs }: StoredEvent) => ({
    key,
    headers,
    value: Buffer.from(value).toString('hex'),
    timeMs,
  });

  async function flip(path: string, position: number, bits: number): Promise<void> {
    await using handle = await openFile(path, 'r+');
    const byte = Buffer.alloc(1);
    await handle.read(byte, 0, 1, position);
    await handle.write(Buffer.from([(byte[0] ?? 0) ^ bits]), 0, 1, position);
  }
});
