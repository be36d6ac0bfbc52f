/** What a metric is called: what it counts or measures, then its base unit (`_seconds`, `_bytes`; never milliseconds). */
export type MetricName = `ordermesh_${string}`;

/** A value for each label. Few values a label: each combination is a time series of its own. */
export type Labels<Name extends string> = Readonly<Record<Name, string>>;

/** One value of a gauge. */
export interface Sample<Label extends string> {
  readonly labels: Labels<Label>;
  readonly value: number | bigint;
}

/** A value that goes up and down. It has no sample until it is given one. */
export interface Gauge<Label extends string> {
  /** The value until it is set again. */
  set(labels: Labels<Label>, value: number | bigint): void;
  /**
   * Asks `read` at every scrape; its samples replace those that it gave before. One that rejects, or takes longer than
   * 5 s, gives none, which the log tells once: a missing value is better than an old one. Several readers of one gauge
   * differ in their labels.
   */
  collect(read: () => Promise<readonly Sample<Label>[]>): void;
}

/** How often something happened since the process started. Without labels it begins with 0. */
export interface Counter<Label extends string> {
  /** Adds `amount`, which is not negative; default 1. */
  add(labels: Labels<Label>, amount?: number | bigint): void;
}

/** All metrics in the text format of Prometheus. */
export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

/**
 * The metrics of a process. Whoever asks again for a name gets the same metric, so that services can share one; it throws
 * when the kind or the labels differ.
 */
export interface Metrics {
  gauge<Label extends string>(name: MetricName, help: string, labelNames: readonly Label[]): Gauge<Label>;
  counter<Label extends string>(
    name: `${MetricName}_total`,
    help: string,
    labelNames: readonly Label[],
  ): Counter<Label>;
  /** Everything as it is now. */
  scrape(): Promise<Exposition>;
}
