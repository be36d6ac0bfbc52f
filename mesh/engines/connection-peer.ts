/** The other side of a connection of a server host. */
export interface ConnectionPeer {
  /** `host:port`. */
  readonly address: string;
  /** The service that its certificate names. */
  readonly service: string | undefined;
  /**
   * Called when its certificate is no longer trusted: no further call begins, even if the peer ignores GOAWAY, and the
   * connection ends with the last. After a grace, it is closed. The host sets it; until then, it closes the connection.
   */
  leave: () => void;
}
