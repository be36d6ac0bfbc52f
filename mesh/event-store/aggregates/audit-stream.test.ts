import { describe, expect, it, vi } from 'vitest';
import { describeOnEachDatabase, type NewDatabaseUrl } from '../../testing/databases.ts';
import { added } from '../testing/fixture.ts';
import { openSums, sumDefinition } from '../testing/sums.ts';
import { auditStream } from './audit-stream.ts';

const eventCount = 250;

/** Opens a sum of 250 events, each with a snapshot. */
async function openLongSum(url: string) {
  const { storage, store } = await openSums(url);
  const events = Array.from({ length: eventCount }, () => ({ ...added(1), schemaVersion: 2 }));
  await store.append('sum-a', 0n, events);
  await storage.execute(
    `INSERT INTO event_snapshot (stream, version, schema_version, state, checksum)
     SELECT stream, version, 1, '{"sum":"' || version || '"}', 0 FROM event`,
  );
  const audit = async () => {
    const { signal } = new AbortController();
    const each = () => [];
    const findings = auditStream({ storage, store, stream: 'sum-a', definition: sumDefinition, each, signal });
    return (await Array.fromAsync(findings)).map(({ reason, ids }) => `${reason} ${ids.join(' ')}`);
  };
  return { storage, audit };
}

function auditSuite(newUrl: NewDatabaseUrl): void {
  it('finds nothing in an intact stream, and reads its snapshots in pages', async () => {
    const { storage, audit } = await openLongSum(newUrl());
    const query = vi.spyOn(storage, 'query');
    await expect(audit()).resolves.toEqual([]);
    const ofSnapshots = query.mock.results.filter((_, index) =>
      query.mock.calls[index]?.[0].includes('event_snapshot'),
    );
    const pages = await Promise.all(ofSnapshots.map(({ value }) => value as Promise<readonly unknown[]>));
    expect(pages.map(({ length }) => length)).toEqual([1, 200, 50]);
  });

  it('finds a snapshot that differs on each page, unless its schema version is another, and one without its event', async () => {
    const { storage, audit } = await openLongSum(newUrl());
    await storage.execute(`UPDATE event_snapshot SET state = '{"sum":"7"}' WHERE version IN (1, 200, 201, 249)`);
    await storage.execute(`UPDATE event_snapshot SET schema_version = 2, state = '{}' WHERE version = 100`);
    await storage.execute(`UPDATE event_snapshot SET version = 300 WHERE version = 250`);
    const differing = [1, 200, 201, 249].map((version) => `SNAPSHOT_DIFFERS sum-a ${version}`);
    await expect(audit()).resolves.toEqual([...differing, 'EVENT_MISSING sum-a 251']);
  });
}

describe('the audit of a stream', () => {
  describeOnEachDatabase(auditSuite);
});
