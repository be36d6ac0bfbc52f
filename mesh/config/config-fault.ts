/** One setting that cannot be used. */
export interface ConfigFault {
  readonly variable: string;
  /** What is wrong with it, and what it may be. */
  readonly problem: string;
}
