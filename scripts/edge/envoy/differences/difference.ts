/** How Envoy answers a probe, and why ordermesh does not. */
export interface Differing {
  readonly envoy: string;
  readonly because: string;
}

/** What Envoy and ordermesh answer otherwise, on purpose, for one reason. */
export interface Difference {
  /** Why ordermesh answers as it does. */
  readonly because: string;
  /** What Envoy does with each probe: the call that the service gets, or the status of the refusal. */
  readonly probes: Readonly<Record<string, string>>;
}
