import fc from 'fast-check';
import { Flag, FrameType } from '../../../mesh/engines/native/http2/codec/frames.ts';
import { createHpackEncoder } from '../../../mesh/engines/native/http2/hpack/encoder.ts';
import { data, frame, hello, ping, reset, settings, windowUpdate } from './frames.ts';

/** The next action of a client, on any of its streams. */
type Step = (client: Client) => Buffer[];

/** A client that sends only valid frames. */
class Client {
  readonly #encoder = createHpackEncoder();
  #open: number[] = [];
  #nextId = 1;

  begin(fields: readonly string[]): { readonly id: number; readonly block: Buffer } {
    const id = this.#nextId;
    this.#nextId += 2;
    this.#open.push(id);
    return { id, block: this.block([':method', 'POST', ':scheme', 'http', ':path', '/a/b', ...fields]) };
  }

  block(fields: readonly string[]): Buffer {
    return this.#encoder.encode([...fields]);
  }

  /** Picks one of the open streams, or none if none is open. */
  pick(index: number): number[] {
    return this.#open.slice(0).splice(index % Math.max(1, this.#open.length), 1);
  }

  close(id: number): void {
    this.#open = this.#open.filter((open) => open !== id);
  }
}

const bytes = fc.uint8Array({ maxLength: 300 });
const which = fc.nat({ max: 20 });
const fields = fc
  .array(fc.tuple(fc.constantFrom('x-a', 'x-b', 'te-x'), fc.constantFrom('', '1', 'a value')), { maxLength: 4 })
  .map((list) => list.flat());

const beginStream = fc
  .record({ fields, cuts: fc.array(fc.nat({ max: 80 }), { maxLength: 4 }), end: fc.boolean(), first: fc.boolean() })
  .map(
    ({ fields, cuts, end, first }): Step =>
      (client) => {
        const { id, block } = client.begin(fields);
        if (end) client.close(id);
        return headerFrames(id, block, cuts, (end ? Flag.END_STREAM : 0) | (first ? Flag.PRIORITY : 0));
      },
  );

const sendData = fc.record({ which, bytes, padding: fc.option(fc.nat({ max: 40 })), end: fc.boolean() }).map(
  ({ which, bytes, padding, end }): Step =>
    (client) =>
      client.pick(which).map((id) => {
        if (end) client.close(id);
        const flags = end ? Flag.END_STREAM : 0;
        if (padding === null) return data(id, bytes, flags);
        return data(id, Buffer.concat([Buffer.of(padding), bytes, Buffer.alloc(padding)]), flags | Flag.PADDED);
      }),
);

const sendTrailers = fc.record({ which, fields }).map(
  ({ which, fields }): Step =>
    (client) =>
      client.pick(which).flatMap((id) => {
        client.close(id);
        return headerFrames(id, client.block(fields), [], Flag.END_STREAM);
      }),
);

const resetStream = which.map(
  (index): Step =>
    (client) =>
      client.pick(index).map((id) => {
        client.close(id);
        return reset(id);
      }),
);

const growStream = fc.tuple(which, fc.integer({ min: 1, max: 9_999 })).map(
  ([index, more]): Step =>
    (client) =>
      client.pick(index).map((id) => windowUpdate(id, more)),
);

const anySettings = fc
  .array(fc.tuple(fc.constantFrom(3, 4, 6, 99), fc.nat({ max: 100_000 })), { maxLength: 3 })
  .map((values) => settings(...values));

const alone = fc.oneof(
  fc.uint8Array({ minLength: 8, maxLength: 8 }).map((payload) => ping(payload)),
  fc.integer({ min: 1, max: 9_999 }).map((more) => windowUpdate(0, more)),
  anySettings,
  bytes.map((payload) => frame(0xbe, 0xff, 3, payload)),
  fc.nat({ max: 40 }).map((id) => frame(FrameType.PRIORITY, 0, 2 * id + 1, Buffer.alloc(5))),
);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: beginStream },
  { weight: 8, arbitrary: sendData },
  { weight: 1, arbitrary: sendTrailers },
  { weight: 1, arbitrary: resetStream },
  { weight: 1, arbitrary: growStream },
  {
    weight: 3,
    arbitrary: alone.map(
      (bytes): Step =>
        () => [bytes],
    ),
  },
);

/** Valid sessions of a client, as lists of frames. */
export const sessions: fc.Arbitrary<Buffer[]> = fc.array(step, { minLength: 1, maxLength: 40 }).map((steps) => {
  const client = new Client();
  return [hello, ...steps.flatMap((take) => take(client))];
});

/** HEADERS, then one CONTINUATION for each cut of the block. */
function headerFrames(id: number, block: Buffer, cuts: readonly number[], flags: number): Buffer[] {
  const places = [0, ...cuts.map((cut) => Math.min(cut, block.length)).sort((a, b) => a - b), block.length];
  const parts = places.slice(1).map((to, index) => block.subarray(places[index], to));
  return parts.map((part, index) => {
    const last = index === parts.length - 1 ? Flag.END_HEADERS : 0;
    if (index > 0) return frame(FrameType.CONTINUATION, last, id, part);
    const priority = Buffer.alloc((flags & Flag.PRIORITY) === 0 ? 0 : 5);
    return frame(FrameType.HEADERS, flags | last, id, Buffer.concat([priority, part]));
  });
}
