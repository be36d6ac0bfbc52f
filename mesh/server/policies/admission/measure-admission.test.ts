import { describe, expect, it } from 'vitest';
import { engineNames } from '../../../engines/engines.ts';
import { createPrometheusMetrics } from '../../../metrics/prometheus/prometheus-metrics.ts';
import { captureLog } from '../../../testing/captured-log.ts';
import { eventually } from '../../../testing/eventually.ts';
import { systemClock } from '../../../time/clock.ts';
import { heldHandlers, named, startLimited } from './testing/start-limited.ts';

const contract = 'contract="test.v1.EchoService"';

describe.each(engineNames)('the metrics of admission on %s', (engineName) => {
  async function start(limits: Parameters<typeof startLimited>[2], process: Parameters<typeof startLimited>[3] = {}) {
    const metrics = createPrometheusMetrics({ clock: systemClock, logger: captureLog().logger });
    const held = heldHandlers();
    const { connect } = await startLimited(engineName, { one: held.one }, limits, process, metrics);
    const { calls } = connect();
    const lines = async () => (await metrics.scrape()).text.split('\n').filter((line) => line.includes(contract));
    return { held, calls, lines };
  }

  it('begin at 0', async () => {
    const { lines } = await start({});
    expect(await lines()).toEqual([
      `ordermesh_calls_overloaded_total{${contract},limit="waiting"} 0`,
      `ordermesh_calls_overloaded_total{${contract},limit="streams"} 0`,
      `ordermesh_calls_overloaded_total{${contract},limit="process_waiting"} 0`,
      `ordermesh_calls_overloaded_total{${contract},limit="process_running"} 0`,
      `ordermesh_calls_started_total{${contract}} 0`,
      `ordermesh_calls_running{${contract}} 0`,
      `ordermesh_calls_waiting{${contract}} 0`,
      `ordermesh_calls_streams{${contract}} 0`,
    ]);
  });

  it('show what started, what runs, what waits, and what is refused', async () => {
    const { held, calls, lines } = await start({ working: 1, waiting: 1 });
    const answers = [calls.one(named('runs'))];
    await eventually(async () => expect(await lines()).toContain(`ordermesh_calls_running{${contract}} 1`));
    answers.push(calls.one(named('waits')));
    await eventually(async () => expect(await lines()).toContain(`ordermesh_calls_waiting{${contract}} 1`));
    await expect(calls.one(named('refused'))).rejects.toThrow('RESOURCE_EXHAUSTED');
    expect(await lines()).toContain(`ordermesh_calls_overloaded_total{${contract},limit="waiting"} 1`);
    expect(await lines()).toContain(`ordermesh_calls_started_total{${contract}} 1`);
    held.returnOne();
    await eventually(() => expect(held.begun).toHaveLength(2));
    held.returnAll();
    await Promise.all(answers);
    await eventually(async () => expect(await lines()).toContain(`ordermesh_calls_running{${contract}} 0`));
    expect(await lines()).toContain(`ordermesh_calls_waiting{${contract}} 0`);
    expect(await lines()).toContain(`ordermesh_calls_started_total{${contract}} 2`);
  });

  it('name the limit of the process', async () => {
    const { held, calls, lines } = await start({}, { working: 1 });
    const first = calls.one(named('runs'));
    await eventually(() => expect(held.begun).toHaveLength(1));
    await expect(calls.one(named('refused'))).rejects.toThrow('RESOURCE_EXHAUSTED');
    expect(await lines()).toContain(`ordermesh_calls_overloaded_total{${contract},limit="process_running"} 1`);
    held.returnAll();
    await first;
  });
});
