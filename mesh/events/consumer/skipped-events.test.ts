import { describe, expect, it } from 'vitest';
import { listDeadLetters, oneDeadLetter } from '../../dead-letters/testing/dead-letters.ts';
import { createPrometheusMetrics } from '../../metrics/prometheus/prometheus-metrics.ts';
import { captureLog } from '../../testing/captured-log.ts';
import { eventually } from '../../testing/eventually.ts';
import { systemClock as clock } from '../../time/clock.ts';
import { describeConsumers, record, wrapped } from '../testing/consumers.ts';
import { silent } from '../testing/events.ts';
import { type EventHandler, skipEvent } from './consumer.ts';

describe('a consumer that skips events', () => {
  describeConsumers(({ effects, effectsToBe, makeConsumer, parts }) => {
    /** An older version of a handler, which does not know the key `new`. */
    const older: EventHandler['handle'] = async (event, attributes) =>
      event.key === 'new' ? skipEvent('unknown-type', 'update this service') : await record(event, attributes);

    const rows = async (metrics: ReturnType<typeof createPrometheusMetrics>) =>
      (await metrics.scrape()).text.split('\n').filter((line) => line.startsWith('ordermesh_events_skipped_total'));

    it('counts them from 0, logs each type once and parks none', async () => {
      const metrics = createPrometheusMetrics({ clock, logger: silent });
      const { logger, lines } = captureLog();
      const consumer = await makeConsumer(older, { metrics, logger });
      const counted = (count: number) => [
        `ordermesh_events_skipped_total{group="g",topic="t",reason="unknown-type"} ${count}`,
        'ordermesh_events_skipped_total{group="g",topic="t",reason="incomplete"} 0',
        'ordermesh_events_skipped_total{group="g",topic="t",reason="too-old"} 0',
      ];
      expect(await rows(metrics)).toEqual(counted(0));
      await consumer.start();
      await parts().events.publish([wrapped('a', 1), wrapped('new', 2), wrapped('new', 3), wrapped('a', 4)]);
      await effectsToBe(['1', '4']);
      expect(await rows(metrics)).toEqual(counted(2));
      expect(await listDeadLetters(consumer)).toEqual([]);
      const warnings = lines.filter(({ level }) => level === 'warn');
      expect(warnings).toMatchObject([{ reason: 'unknown-type', problem: 'update this service', topic: 't' }]);
    });

    it('leaves a dead letter in the list if its redrive would skip it', async () => {
      let knows = true;
      const consumer = await makeConsumer(async (event, attributes) => {
        if (knows) throw new SyntaxError('not readable');
        return await older(event, attributes);
      });
      await consumer.start();
      await parts().events.publish([wrapped('new', 1)]);
      const dead = await oneDeadLetter(consumer);
      knows = false;
      await expect(consumer.deadLetters.redrive(dead.id)).rejects.toMatchObject({ reason: 'UNDECODABLE' });
      expect(await listDeadLetters(consumer)).toHaveLength(1);
    });

    it('applies them when a newer version reads them again, and applies no other event twice', async () => {
      const first = await makeConsumer(older);
      await first.start();
      await parts().events.publish([wrapped('a', 1), wrapped('new', 2), wrapped('a', 3)]);
      await effectsToBe(['1', '3']);
      await first.stop();
      const second = await makeConsumer(record);
      await second.start();
      for await (const progress of second.replay({ from: { at: 'beginning' } }, AbortSignal.timeout(30_000)))
        if (progress.done) expect(progress.outcomes).toMatchObject({ applied: 1, known: 2 });
      await parts().events.publish([wrapped('a', 4)]);
      await eventually(async () => expect(await effects()).toContain('4'));
      expect((await effects()).toSorted()).toEqual(['1', '2', '3', '4']);
    });
  });
});
