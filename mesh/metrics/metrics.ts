/** The name of a metric: what it counts or measures, then its base unit (`_seconds`, `_bytes`; never milliseconds). */
export type MetricName = `ordermesh_${string}`;

/** A value for each label. Use few values per label, because each combination is a separate time series. */
export type Labels<Name extends string> = Readonly<Record<Name, string>>;

/** One value of a gauge. */
export interface Sample<Label extends string> {
  readonly labels: Labels<Label>;
  readonly value: number | bigint;
}

/** A value that goes up and down. It has no sample until it is set. */
export interface Gauge<Label extends string> {
  set(labels: Labels<Label>, value: number | bigint): void;
  /**
   * Calls `read` at every scrape; its samples replace its previous ones. A reader that rejects, or takes longer than 5 s, has
   * no samples, because a missing value is better than an old one; that is logged once. Readers of the same gauge must use
   * different labels.
   */
  collect(read: () => Promise<readonly Sample<Label>[]>): void;
}

/** Counts how often something has happened since the process started. Without labels it begins at 0. */
export interface Counter<Label extends string> {
  /** Adds `amount`, which must not be negative. Default: 1. */
  add(labels: Labels<Label>, amount?: number | bigint): void;
  /**
   * Calls `read` at every scrape; its samples are the counts since the process started. For what is counted elsewhere anyway:
   * it costs nothing between scrapes. Readers of the same counter must use different labels.
   */
  collect(read: () => readonly Sample<Label>[]): void;
}

/** All metrics in the text format of Prometheus. */
export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

/**
 * The metrics of a process. The same name returns the same metric, so services can share it. Throws if the kind or the labels
 * differ.
 */
export interface Metrics {
  gauge<Label extends string>(name: MetricName, help: string, labelNames: readonly Label[]): Gauge<Label>;
  counter<Label extends string>(
    name: `${MetricName}_total`,
    help: string,
    labelNames: readonly Label[],
  ): Counter<Label>;
  /** Returns the current values. */
  scrape(): Promise<Exposition>;
}
