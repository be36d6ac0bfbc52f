/** How much a peer may send. A WINDOW_UPDATE is due once half of the window can be given back. */
export class ReceiveWindow {
  /** The whole window. `#used` of it was not given back yet. */
  #bytes: number;
  #used = 0;
  /** How much can be given back. */
  #freed = 0;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** How much the peer may still send. */
  get left(): number {
    return this.#bytes - this.#used;
  }

  /** Subtracts bytes from the window. Returns false if the peer sent too much. */
  take(bytes: number): boolean {
    this.#used += bytes;
    return this.#used <= this.#bytes;
  }

  /** Counts bytes as processed. Returns the WINDOW_UPDATE to send now; 0: none yet. */
  free(bytes: number): number {
    this.#freed += bytes;
    if (this.#freed * 2 < this.#bytes) return 0;
    const update = this.#freed;
    this.#used -= update;
    this.#freed = 0;
    return update;
  }

  /** Grows the window. Returns by how much, which is the WINDOW_UPDATE to send. */
  growTo(bytes: number): number {
    const more = Math.max(0, bytes - this.#bytes);
    this.#bytes += more;
    return more;
  }
}
