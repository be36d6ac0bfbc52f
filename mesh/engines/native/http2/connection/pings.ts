import { Flag, FrameType } from '../codec/frames.ts';
import type { Output } from '../codec/output.ts';

const payloadBytes = 8;
// The first half of the payload of our pings; the second counts them.
const mark = 0x6d65_7368;

/** The pings of a connection that have not come back. */
export class Pings {
  readonly #output: Output;
  readonly #waiting = new Map<number, () => void>();
  #count = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  /** Sends one; `answered` is called when it comes back. */
  send(answered: () => void): void {
    this.#count = (this.#count + 1) >>> 0;
    this.#waiting.set(this.#count, answered);
    this.#output.header(payloadBytes, FrameType.PING, 0, 0);
    this.#output.uint32(mark);
    this.#output.uint32(this.#count);
    this.#output.schedule();
  }

  /** One has come back; false when we never sent it. */
  acknowledged(payload: Buffer, start: number): boolean {
    const number = payload.readUInt32BE(start + 4);
    const answered = payload.readUInt32BE(start) === mark ? this.#waiting.get(number) : undefined;
    if (answered === undefined) return false;
    this.#waiting.delete(number);
    answered();
    return true;
  }

  /** Sends the peer's own back. */
  answer(payload: Buffer, start: number): void {
    this.#output.header(payloadBytes, FrameType.PING, Flag.ACK, 0);
    this.#output.bytes(payload.subarray(start, start + payloadBytes));
    this.#output.schedule();
  }
}
