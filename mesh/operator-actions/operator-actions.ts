/** What an operator or an admin asked a service to change. */
export interface OperatorAction {
  /** A UUIDv7, so actions sort by time. */
  readonly id: string;
  readonly timeMs: number;
  /** Who: the subject of the token. */
  readonly subject: string;
  /** The roles of the token, such as `operator`. */
  readonly roles: readonly string[];
  /** What: the method, such as `/ops.v1.SagaService/RetrySaga`. */
  readonly method: string;
  /** The request as JSON, cut to 4 KiB; empty for a stream of requests. */
  readonly request: string;
  /** Why, as the request says. Empty if it has no field for that. */
  readonly reason: string;
  /** `x-request-id` of the call, which the log has too. */
  readonly requestId: string;
  /** `OK`, or the reason of the error. Empty while it runs, or if the process ended meanwhile. */
  readonly outcome: string;
}

/** The record of what operators changed, in the database of the service that did it. Kept for ever. */
export interface OperatorActions {
  /** Adds an action before it begins, durable once it resolves. */
  begin(action: Omit<OperatorAction, 'id' | 'timeMs' | 'outcome'>): Promise<string>;
  /** Sets how an action ended. */
  end(id: string, outcome: string): Promise<void>;
  /** Returns actions with a greater id, in id order, at most `size`. */
  page(afterId: string, size: number): Promise<OperatorAction[]>;
}
