import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createPrometheusMetrics } from '../metrics/prometheus/prometheus-metrics.ts';
import { currentScope, runInScope } from '../telemetry/call-scope.ts';
import { type CapturedLog, captureLog } from '../testing/captured-log.ts';
import { eventually } from '../testing/eventually.ts';
import { createTestClock, type TestClock } from '../testing/test-clock.ts';
import type { EndpointSet } from './discovery.ts';
import { registryUnavailable } from './errors.ts';
import { type Answer, createWatches } from './watches.ts';

const registry = 'consul://10.0.0.1:8500';
const oneInstance: Answer = { endpoints: [{ address: 'a:1', state: 'ready' }], isCertain: true };

describe('the watches of a registry', () => {
  let clock: TestClock;
  let log: CapturedLog;
  let asked: number;

  beforeEach(() => {
    clock = createTestClock();
    log = captureLog();
    asked = 0;
  });

  /** Watches services in a registry that gives these answers in turn, then fails. */
  function watchesOf(...answers: readonly Answer[]) {
    const parts = { clock, logger: log.logger, metrics: createPrometheusMetrics({ clock, logger: log.logger }) };
    const watches = createWatches(
      registry,
      async function* () {
        const answer = answers[asked];
        asked += 1;
        if (!answer) throw registryUnavailable({ registry, problem: 'ECONNREFUSED' });
        yield answer;
      },
      parts,
    );
    onTestFinished(() => watches.close());
    return watches;
  }

  it('keep the instances if the registry fails after an empty answer', async () => {
    const sets: number[] = [];
    watchesOf(oneInstance, { endpoints: [], isCertain: true }).watch('user', (set) => sets.push(set.endpoints.length));
    await eventually(() => {
      clock.advance(100);
      expect(asked).toBeGreaterThan(3);
    });
    for (let second = 0; second < 60; second += 1) clock.advance(1_000);
    expect(sets).toEqual([1]);
  });

  describe('that are refreshed', () => {
    /** Watches a service in a registry that is asked again after 30 s, and answers when the test says so. */
    async function watched() {
      const questions: PromiseWithResolvers<void>[] = [];
      const watches = createWatches(
        registry,
        async function* (_, { rest, signal }) {
          while (!signal.aborted) {
            const question = Promise.withResolvers<void>();
            questions.push(question);
            await question.promise;
            yield oneInstance;
            await rest(30_000);
          }
        },
        { clock, logger: log.logger, metrics: createPrometheusMetrics({ clock, logger: log.logger }) },
      );
      onTestFinished(() => {
        for (const { resolve } of questions) resolve();
        return watches.close();
      });
      watches.watch('user', () => undefined);
      const answer = async () => {
        questions.at(-1)?.resolve();
        await settle();
      };
      return { answer, asked: () => questions.length, refresh: () => watches.refresh('user') };
    }
    const settle = () => new Promise((resolve) => setImmediate(resolve));

    it('ask again at once, and for what comes within a second at its end', async () => {
      const { answer, asked, refresh } = await watched();
      await answer();
      refresh();
      await settle();
      expect(asked()).toBe(2);
      await answer();
      clock.advance(400);
      refresh();
      refresh();
      await settle();
      expect(asked()).toBe(2);
      clock.advance(600);
      await settle();
      expect(asked()).toBe(3);
      await answer();
      clock.advance(20_000);
      await settle();
      expect(asked()).toBe(3);
    });

    it('ask again after the question in progress, whose answer may be older', async () => {
      const { answer, asked, refresh } = await watched();
      refresh();
      await settle();
      expect(asked()).toBe(1);
      await answer();
      expect(asked()).toBe(2);
      await answer();
      expect(asked()).toBe(2);
    });
  });

  it('log failures without the call that began the watch', async () => {
    log = captureLog({ mixin: () => ({ request_id: currentScope()?.requestId }) });
    const scope = { requestId: 'r1', traceparent: '', deadlineMs: undefined, signal: undefined };
    runInScope(scope, () => watchesOf().watch('user', () => undefined));
    await eventually(() => expect(log.lines).toMatchObject([{ service: 'user', registry }]));
    expect(log.lines[0]).not.toHaveProperty('request_id');
  });

  it('log a listener that throws as a bug, and give the set to the others', async () => {
    const sets: EndpointSet[] = [];
    const watches = watchesOf(oneInstance);
    watches.watch('user', () => {
      throw new TypeError('a mistake');
    });
    watches.watch('user', (set) => sets.push(set));
    await eventually(() => expect(log.lines).not.toEqual([]));
    expect(sets).toMatchObject([{ endpoints: oneInstance.endpoints }]);
    expect(log.lines).toMatchObject([{ level: 'error', service: 'user', err: { message: 'a mistake' } }]);
  });
});
