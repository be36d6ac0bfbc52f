import { writeSync } from 'node:fs';
import { createPrometheusMetrics } from '../../metrics/prometheus/prometheus-metrics.ts';
import { openStorage } from '../../storage/open.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { systemClock } from '../../time/clock.ts';
import { createProjector } from '../projections/create-projector.ts';
import { createEventStore } from '../streams/create-event-store.ts';
import { createTotalsTable, sumTotals } from './totals-table.ts';

// The program that projector.test.ts kills: it appends and projects as fast as it can, and prints its progress.
const [clock, logger] = [systemClock, createLogger('silent')];
const storage = await openStorage(`sqlite:${process.argv[2]}`);
const store = await createEventStore(storage, { clock });
await createTotalsTable(storage);
const metrics = createPrometheusMetrics({ clock, logger });
const projections = [{ ...sumTotals, name: 'totals', version: 1 }];
const projector = await createProjector({ service: 'test', storage, store, projections, clock, logger, metrics });
await projector.start();

async function append(stream: string): Promise<never> {
  for (let count = 1; ; count += 1) {
    const data = { amount: `${count}` };
    await store.append(stream, 'any', {
      type: 'ADDED',
      schemaVersion: 1,
      data,
      correlationId: 'r',
      timeMs: Date.now(),
    });
    if (count % 25 === 0) writeSync(1, `${stream} ${count}\n`);
  }
}
await Promise.all(Array.from({ length: 8 }, (_, index) => append(`stream-${index}`)));
