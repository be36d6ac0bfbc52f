import { inNextTurn } from './next-turn.ts';

/** What may be sent in one turn of the event loop, so that a fast stream leaves time for everything else. */
const maxBurstBytes = 64 * 1024;
/** What a message counts in addition to its bytes, because many empty ones take memory too. */
const messageBytes = 5;

/** The send window of one direction of a stream: closed while its reader has too much unread, and until the next turn after a burst. */
export class SendWindow {
  readonly #onOpen: () => void;
  #unreadBytes = 0;
  #burstBytes = 0;
  #isAwaited = false;

  /** `onOpen` is called in a later turn, after `isOpen` was false. */
  constructor(onOpen: () => void) {
    this.#onOpen = onOpen;
  }

  /** Counts a message that is sent, and returns the bytes to take back with `processed`. */
  send(message: Uint8Array): number {
    const bytes = message.length + messageBytes;
    this.#unreadBytes += bytes;
    this.#burstBytes += bytes;
    return bytes;
  }

  processed(bytes: number): void {
    this.#unreadBytes -= bytes;
    if (this.#isAwaited && this.#unreadBytes === 0) this.#open();
  }

  /** Whether the next message may be sent now. If not, `onOpen` is called once. */
  get isOpen(): boolean {
    if (this.#unreadBytes === 0 && this.#burstBytes < maxBurstBytes) return true;
    this.#isAwaited = true;
    if (this.#unreadBytes === 0) this.#open();
    return false;
  }

  #open(): void {
    this.#isAwaited = false;
    this.#burstBytes = 0;
    inNextTurn(this.#onOpen);
  }
}
