import { describe, expect, it } from 'vitest';
import type { RunResult } from './ghz.ts';
import { describeStop, resultTable, serverLines } from './tables.ts';

const config = { name: 'Orders', call: 'order.v1.OrderService.PlaceOrder', host: 'mesh:50051', connections: 1 };
const address = 'mesh:50051';
const advice = 'not audited: run "make start", then "make audit"';

function runOf(codes: Record<string, number>, of: Partial<RunResult> = {}): RunResult {
  const calls = codes.OK ?? 0;
  const latency = { p50: 1, p95: 2, p99: 3, max: 4 };
  const figures = { calls, seconds: 2, perSecond: calls / 2, latency, cores: 0.1, details: [], errors: new Map() };
  return { config, codes: new Map(Object.entries(codes)), ...figures, ...of };
}

describe('the results of a load', () => {
  it('have no percentiles without a successful call', () => {
    const [, row] = resultTable([runOf({ Unavailable: 1_200 })]);
    expect(row?.slice(2)).toEqual(['0', '0', '-', '-', '-', '-', '1,200', '0.10']);
  });

  it('report a mesh that stopped during the load with its orders', () => {
    expect(describeStop(address, [runOf({ OK: 1_365, Unavailable: 9 }, { seconds: 6.04 })])).toBe(
      `the mesh at mesh:50051 stopped after 6.0 s; 1,365 orders were accepted; ${advice}`,
    );
  });

  it('report a mesh that stopped after the load, which had no orders', () => {
    const read = { ...config, call: 'user.v1.UserService.GetUser' };
    expect(describeStop(address, [runOf({ OK: 7 }, { config: read })])).toBe(
      `the mesh at mesh:50051 stopped after the load; ${advice}`,
    );
  });

  it('show the calls of one core and what the samples of the metrics could not see', () => {
    const contract = 'user.v1.UserService';
    const lines = serverLines(
      {
        pid: 7,
        // Over 5 s: the mesh did not respond for the last 3 of them.
        processor: { seconds: 0.5, cores: 0.1 },
        memoryMb: undefined,
        metrics: {
          seconds: 2,
          grown: new Map([
            [`ordermesh_calls_started_total{contract="${contract}"}`, 8_075],
            ['ordermesh_tasks_attempts_total{queue="email-jobs",outcome="done"}', 16],
          ]),
          contracts: new Map([[contract, { running: 0, waiting: 63, streams: 0, meanWaiting: 1 }]]),
        },
        metricsProblem: '',
      },
      [runOf({ OK: 8_000, Unavailable: 4_000 })],
    );
    expect(lines).toEqual([
      'server: process 7 used 0.10 cores (16,000 calls/s of one core)',
      'calls                started  running at a time  waiting  streams  mean wait',
      'user.v1.UserService  8,075    -                  63       0        0.25 ms',
      'metrics: ordermesh_tasks_attempts_total{queue="email-jobs",outcome="done"} grew by 16',
    ]);
  });
});
