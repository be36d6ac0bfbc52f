import { Flag, FrameType } from '../codec/frames.ts';
import type { Output } from '../codec/output.ts';

const payloadBytes = 8;
// The first half of the payload of each ping that this side sends; the second half counts them.
const mark = 0x6d65_7368;

/** The pings of a connection that the peer has not acknowledged. */
export class Pings {
  readonly #output: Output;
  readonly #waiting = new Map<number, () => void>();
  #count = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  /** Sends a ping. Calls `answered` when the peer acknowledges it. */
  send(answered: () => void): void {
    this.#count = (this.#count + 1) >>> 0;
    this.#waiting.set(this.#count, answered);
    this.#output.header(payloadBytes, FrameType.PING, 0, 0);
    this.#output.uint32(mark);
    this.#output.uint32(this.#count);
    this.#output.schedule();
  }

  /** Called for an acknowledgement. Returns false if it matches no ping of this side. */
  acknowledged(payload: Buffer, start: number): boolean {
    const number = payload.readUInt32BE(start + 4);
    const answered = payload.readUInt32BE(start) === mark ? this.#waiting.get(number) : undefined;
    if (answered === undefined) return false;
    this.#waiting.delete(number);
    answered();
    return true;
  }

  /** Acknowledges a ping of the peer. */
  answer(payload: Buffer, start: number): void {
    this.#output.header(payloadBytes, FrameType.PING, Flag.ACK, 0);
    this.#output.bytes(payload.subarray(start, start + payloadBytes));
    this.#output.schedule();
  }
}
