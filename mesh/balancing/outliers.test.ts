import { describe, expect, it } from 'vitest';
import { Ejection, findOutliers, type Rate } from './outliers.ts';

const rate = (failures: number, calls = 100, isEjected = false): Rate => ({ calls, failures, isEjected });

describe('outliers by success rate', () => {
  it('are instances below the mean by more than 1.9 standard deviations', () => {
    // Mean 0.9, deviation 0.2: 0.5 is below 0.52.
    expect(findOutliers([rate(0), rate(50), rate(0), rate(0), rate(0)])).toEqual([1]);
    // With four deviations of 0.1 it is at 2 deviations; of 0.2 for two it is at 1.5.
    expect(findOutliers([rate(0), rate(50), rate(50), rate(0), rate(0)])).toEqual([]);
  });

  it('are not looked for among fewer than 5 instances with 100 calls', () => {
    expect(findOutliers([rate(0), rate(50), rate(0), rate(0)])).toEqual([]);
    expect(findOutliers([rate(0), rate(50), rate(0), rate(0), rate(0, 99)])).toEqual([]);
  });

  it('are no instances with fewer than 100 calls', () => {
    const fewCalls = rate(49, 49);
    expect(findOutliers([rate(0), rate(0), rate(0), rate(0), rate(0), fewCalls])).toEqual([]);
  });
});

describe('outliers by failure percentage', () => {
  it('are instances of which more than 85 % of at least 50 calls fail', () => {
    const half = [rate(25, 50), rate(25, 50), rate(25, 50), rate(25, 50)];
    expect(findOutliers([...half, rate(43, 50)])).toEqual([4]);
    expect(findOutliers([...half, rate(42, 50)])).toEqual([]);
    expect(findOutliers([...half, rate(49, 49)])).toEqual([]);
    expect(findOutliers([...half.slice(1), rate(43, 50)])).toEqual([]);
  });
});

describe('the share of ejected instances', () => {
  it('is at most 10 %, and always one', () => {
    const failing = [rate(50, 50), rate(50, 50)];
    const healthy = (count: number) => Array.from({ length: count }, () => rate(0, 50));
    expect(findOutliers([...failing, ...healthy(8)])).toEqual([0]);
    expect(findOutliers([...failing, ...healthy(9)])).toEqual([0, 1]);
    expect(findOutliers([...failing, rate(50, 50, true), ...healthy(7)])).toEqual([]);
  });
});

describe('an ejection by faults in a row', () => {
  /** The fault that ejects an instance: the first that returns true. */
  const failUntilEjected = (ejection: Ejection, nowMs: number) => {
    for (let fault = 1; fault <= 10; fault++) if (ejection.failed(nowMs)) return fault;
    return 0;
  };

  it('happens with the fifth, and ends after 1 s', () => {
    const ejection = new Ejection();
    expect(failUntilEjected(ejection, 0)).toBe(5);
    expect(ejection).toMatchObject({ isEjected: true, untilMs: 1_000 });
    expect(ejection.admit(999)).toBe(false);
    expect(ejection.admit(1_000)).toBe(true);
    expect(ejection.isEjected).toBe(false);
  });

  it('takes one fault after that, and twice as long each time, up to 30 s', () => {
    const ejection = new Ejection();
    failUntilEjected(ejection, 0);
    const lasting: number[] = [];
    for (let time = 0; time < 6; time++) {
      ejection.admit(ejection.untilMs);
      expect(failUntilEjected(ejection, 0)).toBe(1);
      lasting.push(ejection.untilMs);
    }
    expect(lasting).toEqual([2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  });

  it('takes five again after an answer, and is shorter again after an interval without one', () => {
    const ejection = new Ejection();
    failUntilEjected(ejection, 0);
    ejection.admit(1_000);
    ejection.answered();
    // It was out in the first one.
    ejection.forgive();
    ejection.forgive();
    expect(failUntilEjected(ejection, 1_000)).toBe(5);
    expect(ejection.untilMs).toBe(2_000);
  });

  it('does not happen because an instance is overloaded, or if it answers in between', () => {
    const ejection = new Ejection();
    for (let call = 0; call < 20; call++) ejection.overloaded();
    for (let call = 0; call < 4; call++) expect(ejection.failed(0)).toBe(false);
    ejection.answered();
    for (let call = 0; call < 4; call++) expect(ejection.failed(0)).toBe(false);
    expect(ejection.endInterval()).toEqual({ calls: 29, failures: 28, isEjected: false });
    expect(ejection.endInterval()).toEqual({ calls: 0, failures: 0, isEjected: false });
  });
});

describe('an ejection by rate', () => {
  it('lasts 30 s more each time, up to 300 s, and less after intervals without one', () => {
    const ejection = new Ejection();
    const lasting: number[] = [];
    for (let time = 0; time < 11; time++) {
      ejection.eject(0);
      lasting.push(ejection.untilMs / 1_000);
    }
    expect(lasting).toEqual([30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300]);
    ejection.admit(300_000);
    // It was out in the first one.
    for (let interval = 0; interval < 11; interval++) ejection.forgive();
    ejection.eject(0);
    expect(ejection.untilMs).toBe(60_000);
  });
});
