/**
 * How much a peer may send before we say that it may send more, which is said once half of the window is used.
 */
export class ReceiveWindow {
  /** The whole window, of which `#used` was not given back yet. */
  #bytes: number;
  #used = 0;
  /** What may be given back. */
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

  /** Takes bytes off the window; false when the peer sent more than it might. */
  take(bytes: number): boolean {
    this.#used += bytes;
    return this.#used <= this.#bytes;
  }

  /** Notes that bytes are dealt with. Resolves how much to tell the peer now; 0: nothing yet. */
  free(bytes: number): number {
    this.#freed += bytes;
    if (this.#freed * 2 < this.#bytes) return 0;
    const told = this.#freed;
    this.#used -= told;
    this.#freed = 0;
    return told;
  }

  /** Makes the window larger; resolves by how much, for the peer to be told. */
  growTo(bytes: number): number {
    const more = Math.max(0, bytes - this.#bytes);
    this.#bytes += more;
    return more;
  }
}
