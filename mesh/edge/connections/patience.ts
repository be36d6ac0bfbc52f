/** How long the HTTP listener waits for its clients. */
export interface HttpPatience {
  /** For the head of a request, and for the first bytes of a connection. */
  readonly headMs: number;
  /** For a whole request. Streams of requests over HTTP/2 may take as long as they like. */
  readonly requestMs: number;
  /** For the next request on a connection; longer than most proxies keep theirs. */
  readonly idleMs: number;
  /** For a client that takes nothing of its answer. */
  readonly unreadMs: number;
}

/** Those of the gRPC listener, where that has them. */
export const httpPatience: HttpPatience = {
  headMs: 20_000,
  requestMs: 60_000,
  idleMs: 75_000,
  unreadMs: 300_000,
};
