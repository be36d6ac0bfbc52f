import { expect, it } from 'vitest';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { missingCauses } from './support/causes.ts';
import { faultsAfter } from './support/faults.ts';
import type { ObservedRun } from './support/observed-run.ts';
import { type Knowledge, nothing } from './support/outside.ts';
import { patched, smallCheckpoints, unsyncedCheckpoints } from './support/patches.ts';
import { plantedBugVariable } from './support/planted-bug.ts';
import { compiler } from './support/recorder.ts';
import { testRuns } from './support/test-runs.ts';
import * as variants from './support/variants.ts';

const quiet = { orders: 2, savers: 0, readers: 0, isWatched: false };
/** The carrier has shipments, and mails are sent. */
const ended = ({ bookings }: Knowledge) => bookings.length >= 4;

/** The others run with `make verify-power-cut`. */
const isComplete = process.env.VERIFY_POWER_CUT === '1';

describeWithServer(compiler, 'a planted bug is caught by what a power cut does', () => {
  const runs = testRuns();

  const bug = (name: string) => ({
    main: 'test/power-cut/support/planted-main.ts',
    environment: { [plantedBugVariable]: name },
  });

  /** Finds something of one kind that was seen before it was on the disk. Returns what a power cut at that moment does. */
  async function faultsWhenSeen(run: ObservedRun, kind: 'orders' | 'events' | 'mails'): Promise<string[]> {
    const known = { ...nothing, [kind]: run.known[kind] };
    const [first] = missingCauses({ ...run, known }).missing;
    expect(first, `${kind} that were seen too early`).toBeDefined();
    return await faultsAfter(run, first?.position ?? 0, variants.onlySynced);
  }

  it('an answer before the flush', async () => {
    const run = await runs.load({ ...quiet, savers: 1 }, bug('never-flushes payment'));
    const found = await faultsAfter(run, run.end, variants.onlySynced);
    expect(found).toContainEqual(expect.stringMatching(/^an account that was seen: account "eve" not found/));
    expect(found).toContainEqual(expect.stringMatching(/^repeated OpenAccount:/));
  }, 60_000);

  it('a read before the flush', async () => {
    const run = await runs.load(
      { ...quiet, readers: 1 },
      { ...bug('flushes-late order 400'), enough: ({ requests }) => requests.length >= 10 },
    );
    expect(await faultsWhenSeen(run, 'orders')).toContainEqual(
      expect.stringMatching(/^an order that was seen: order \S+ not found/),
    );
  }, 60_000);

  it('a relay before the flush of a step, whose order is on the disk', async () => {
    const run = await runs.load(
      { ...quiet, isWatched: true },
      { ...bug('flushes-steps-late order 400'), enough: ({ events }) => events.length >= 20 },
    );
    expect(await faultsWhenSeen(run, 'events')).toContainEqual(
      expect.stringMatching(/^(an order that was seen: version of order|events:)/),
    );
  }, 60_000);

  it.runIf(isComplete)(
    'a relay before the flush',
    async () => {
      const run = await runs.load(
        { ...quiet, isWatched: true },
        { ...bug('flushes-late order 400'), enough: ({ events }) => events.length >= 20 },
      );
      expect(await faultsWhenSeen(run, 'events')).toContainEqual(
        expect.stringMatching(/^a cause: order \S+ not found/),
      );
    },
    60_000,
  );

  it('a mail before the flush', async () => {
    const run = await runs.load(quiet, {
      ...bug('never-flushes order'),
      mails: 'smtp',
      enough: ({ mails }) => mails.length >= 4,
    });
    expect(await faultsWhenSeen(run, 'mails')).toContainEqual(expect.stringMatching(/^a cause: order \S+ not found/));
  }, 60_000);

  it.runIf(isComplete)(
    'a charge whose order vanished',
    async () => {
      const run = await runs.load(quiet, { lostSyncs: ['*/order.db*'], enough: ended });
      const found = await faultsAfter(run, run.end, variants.onlySynced);
      expect(found).toContainEqual(expect.stringMatching(/^a cause: order \S+ not found/));
      expect(found).toContainEqual(expect.stringMatching(/^conserved: /));
      expect(found).toContainEqual(expect.stringMatching(/^audit: /));
    },
    60_000,
  );

  it.runIf(isComplete)(
    'a mail that counts as sent before it is on the disk',
    async () => {
      const run = await runs.load(quiet, { lostSyncs: ['*/mail/*'], enough: ended });
      const found = await faultsAfter(run, run.end, variants.namesOnly);
      expect(found).toContainEqual(expect.stringMatching(/^notified: /));
    },
    60_000,
  );

  it.runIf(isComplete)(
    'a mailbox whose name is not yet in its folder',
    async () => {
      const run = await runs.load(quiet, { lostSyncs: ['*/mail'], enough: ended });
      const found = await faultsAfter(run, run.end, variants.contentOnly);
      expect(found).toContainEqual(expect.stringMatching(/^notified: /));
    },
    60_000,
  );

  it.runIf(isComplete)(
    'a mail folder that is created again, and whose name is not synced',
    async () => {
      const main = 'test/power-cut/support/without-mail-folder-main.ts';
      const run = await runs.load(quiet, { lostSyncs: ['*/data'], main, enough: ended });
      const found = await faultsAfter(run, run.end, variants.contentOnly);
      expect(found).toContainEqual(expect.stringMatching(/^notified: /));
    },
    60_000,
  );

  it.runIf(isComplete)(
    'a log that starts again before its file is synced',
    async () => {
      const busy = { ...quiet, savers: 2, readers: 1 };
      const enough = ({ requests }: Knowledge) => requests.length >= 100;
      const run = await runs.load(busy, { enough, ...patched(smallCheckpoints, unsyncedCheckpoints) });
      expect(await faultsAfter(run, run.end, variants.onlySynced)).not.toEqual([]);
    },
    60_000,
  );

  it.runIf(isComplete)(
    'a start that does not flush what a killed process left',
    async () => {
      const run = await runs.restarted(quiet, { lostSyncs: ['*.db', '*-wal'] });
      const orders = run.known.orders.filter(({ position }) => position >= run.ready);
      expect(await faultsWhenSeen({ ...run, known: { ...nothing, orders } }, 'orders')).toContainEqual(
        expect.stringMatching(
          /^(an order that was seen: order \S+ not found|start: database .+ is older than the others)/,
        ),
      );
    },
    60_000,
  );

  it.runIf(isComplete)(
    'no flush at all',
    async () => {
      const run = await runs.load(quiet, { lostSyncs: ['*'] });
      expect(await faultsAfter(run, run.end, variants.random(1))).not.toEqual([]);
    },
    60_000,
  );
});
