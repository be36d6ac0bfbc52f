/** When an instance is ejected because its calls fail. gRFC A50 unless said otherwise. */
export const outlierConstants = {
  /** How often the rates of failures are compared. */
  intervalMs: 10_000,
  /** How long an ejection lasts, times how often the instance was ejected lately. */
  baseMs: 30_000,
  maxMs: 300_000,
  /** The share of instances that may be ejected because of their rates; always one. */
  maxEjectedPercent: 10,
  /** By success rate: fewer successes than the mean of all minus this number of standard deviations. */
  deviations: 1.9,
  rateMinHosts: 5,
  rateMinCalls: 100,
  /** By failure percentage. */
  failurePercent: 85,
  failureMinHosts: 5,
  failureMinCalls: 50,
  /** So many faults in a row eject an instance immediately. Envoy: 5. */
  faultsInRow: 5,
  /** For so long at first, doubled with each further time. Ours: A50 alone takes 10 s, and needs 5 instances. */
  rowBaseMs: 1_000,
  rowMaxMs: 30_000,
} as const;

/** The calls of an instance in one interval. */
export interface Rate {
  readonly calls: number;
  readonly failures: number;
  readonly isEjected: boolean;
}

/** Returns the indexes of the instances that A50 ejects after an interval. */
export function findOutliers(rates: readonly Rate[]): number[] {
  let ejected = rates.filter(({ isEjected }) => isEjected).length;
  const found = new Set<number>();
  const eject = (indexes: readonly number[]) => {
    for (const index of indexes) {
      if ((ejected / rates.length) * 100 >= outlierConstants.maxEjectedPercent) return;
      if (rates[index]?.isEjected || found.has(index)) continue;
      found.add(index);
      ejected += 1;
    }
  };
  eject(bySuccessRate(rates));
  eject(byFailurePercentage(rates));
  return [...found];
}

function bySuccessRate(rates: readonly Rate[]): number[] {
  const { rateMinCalls, rateMinHosts, deviations } = outlierConstants;
  const busy = indexesOf(rates, rateMinCalls);
  if (busy.length < rateMinHosts) return [];
  const successOf = (index: number) => 1 - failureRatio(rates[index]);
  const mean = busy.reduce((sum, index) => sum + successOf(index), 0) / busy.length;
  const variance = busy.reduce((sum, index) => sum + (successOf(index) - mean) ** 2, 0) / busy.length;
  const lowest = mean - Math.sqrt(variance) * deviations;
  return busy.filter((index) => successOf(index) < lowest);
}

function byFailurePercentage(rates: readonly Rate[]): number[] {
  const { failureMinCalls, failureMinHosts, failurePercent } = outlierConstants;
  const busy = indexesOf(rates, failureMinCalls);
  if (busy.length < failureMinHosts) return [];
  return busy.filter((index) => failureRatio(rates[index]) * 100 > failurePercent);
}

function indexesOf(rates: readonly Rate[], minCalls: number): number[] {
  return [...rates.keys()].filter((index) => (rates[index]?.calls ?? 0) >= minCalls);
}

function failureRatio(rate: Rate | undefined): number {
  return rate === undefined || rate.calls === 0 ? 0 : rate.failures / rate.calls;
}

/** How the calls of one instance end, and until when it is ejected for that. */
export class Ejection {
  #calls = 0;
  #failures = 0;
  #faultsInRow = 0;
  /** How often it was ejected because of its rate, and because of faults in a row. An interval without either takes one off. */
  #byRate = 0;
  #byRow = 0;
  #untilMs = Number.NEGATIVE_INFINITY;
  #isOut = false;
  /** In this interval. */
  #wasOut = false;

  get isEjected(): boolean {
    return this.#isOut;
  }

  /** When the ejection ends. */
  get untilMs(): number {
    return this.#untilMs;
  }

  answered(): void {
    this.#calls += 1;
    this.#faultsInRow = 0;
  }

  /** A call failed because the instance is overloaded, which is no reason to eject it immediately. */
  overloaded(): void {
    this.#calls += 1;
    this.#failures += 1;
  }

  /** A call failed because of the instance. Returns whether that ejects it. */
  failed(nowMs: number): boolean {
    this.overloaded();
    this.#faultsInRow += 1;
    if (this.#isOut || this.#faultsInRow < outlierConstants.faultsInRow) return false;
    const { rowBaseMs, rowMaxMs } = outlierConstants;
    this.#eject(nowMs + Math.min(rowBaseMs * 2 ** this.#byRow, rowMaxMs));
    this.#byRow += 1;
    return true;
  }

  /** Ejects it because of its rate. */
  eject(nowMs: number): void {
    const { baseMs, maxMs } = outlierConstants;
    this.#byRate += 1;
    this.#eject(nowMs + Math.min(baseMs * this.#byRate, maxMs));
  }

  /** Admits it again if its time is over. One more fault then ejects it. Returns whether it was admitted. */
  admit(nowMs: number): boolean {
    if (!this.#isOut || nowMs < this.#untilMs) return false;
    this.#isOut = false;
    this.#faultsInRow = outlierConstants.faultsInRow - 1;
    return true;
  }

  /** Ends an interval and returns its rate. */
  endInterval(): Rate {
    const rate = { calls: this.#calls, failures: this.#failures, isEjected: this.#isOut };
    this.#calls = 0;
    this.#failures = 0;
    return rate;
  }

  /** Called at the end of an interval, after those with a bad rate were ejected. */
  forgive(): void {
    if (!this.#isOut && !this.#wasOut) {
      this.#byRate = Math.max(0, this.#byRate - 1);
      this.#byRow = Math.max(0, this.#byRow - 1);
    }
    this.#wasOut = this.#isOut;
  }

  /** Forgets everything: another process answers at the address. */
  forget(): void {
    this.#isOut = false;
    this.#wasOut = false;
    this.#faultsInRow = 0;
    this.#byRate = 0;
    this.#byRow = 0;
    this.#calls = 0;
    this.#failures = 0;
  }

  #eject(untilMs: number): void {
    this.#isOut = true;
    this.#wasOut = true;
    this.#untilMs = untilMs;
  }
}
