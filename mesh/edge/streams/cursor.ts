import { clone, type DescMethod, type Message, type Registry } from '@bufbuild/protobuf';
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { type Resume, resumeOf } from '../../contract/policy/resume.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import { eventIdFault, formatEventId, parseEventId } from './event-id.ts';

/** Where a stream is, for one request. */
export interface StreamCursor {
  /** Notes where the stream starts, as its service says. */
  startAt(value: string): void;
  /** Notes a message that the caller gets. */
  take(message: Message): void;
  /** Returns where to resume before the first message; empty: a new request starts there. */
  startId(): string;
  /** Returns where to resume after the last message. */
  id(): string;
  /** Returns the request that continues after the last message; `undefined` if the caller has all that it wants. */
  next(): Message | undefined;
  /**
   * Returns what to refuse the request with if a service does not take where the header `Last-Event-ID` starts: INVALID_ARGUMENT
   * `INVALID_HEADER`. `undefined`: the error is of something else.
   */
  refusalOf(error: unknown): MeshError | undefined;
}

/**
 * Returns the cursor of a request, after the message with the id in the header `Last-Event-ID` if there is one. What the request
 * itself says about its start is from when its stream was new, so the header counts. `undefined`: the stream cannot be resumed.
 * Throws INVALID_ARGUMENT `INVALID_HEADER` if the id cannot be one of the method.
 */
export type CursorReader = (request: Message, lastEventId: string | undefined) => StreamCursor | undefined;

/** Compiles how the streams of a method are resumed: as its contract declares. */
export function compileCursor(method: DescMethod, registry: Registry): CursorReader {
  const resume = resumeOf(method, registry);
  if (resume === undefined) return refuseIds;
  return (request, lastEventId) => new FieldCursor(resume, reflect(method.input, request), lastEventId);
}

const refuseIds: CursorReader = (_, lastEventId) => {
  if (lastEventId) throw eventIdFault('this stream has no ids: call it without the header, and it starts over');
  return undefined;
};

type CursorValue = string | number | bigint;

/** A cursor that is the value of a field of the last message. */
class FieldCursor implements StreamCursor {
  readonly #resume: Resume;
  readonly #request: ReflectMessage;
  /** The maximum number of messages; 0: no limit. */
  readonly #limit: number;
  /** Where it was before the first message, and how many messages counted against the limit then. */
  #start: CursorValue = '';
  readonly #takenBefore: number = 0;
  readonly #isResumed: boolean;
  #taken = 0;
  #last: Message | undefined;

  constructor(resume: Resume, request: ReflectMessage, lastEventId: string | undefined) {
    const { after, limit } = resume;
    this.#resume = resume;
    this.#request = request;
    this.#limit = limit === undefined ? 0 : Math.max(0, request.get(limit) as number);
    this.#isResumed = Boolean(lastEventId);
    if (!lastEventId) return;
    const { value, taken } = parseEventId(lastEventId, after.scalar);
    this.#start = value;
    this.#takenBefore = taken;
    this.#taken = taken;
  }

  startAt(value: string): void {
    if (this.#last === undefined) this.#start = value;
  }

  take(message: Message): void {
    this.#last = message;
    this.#taken += 1;
  }

  startId(): string {
    return this.#idOf(this.#start, this.#takenBefore);
  }

  id(): string {
    return this.#idOf(this.#value, this.#taken);
  }

  next(): Message | undefined {
    const { after, limit } = this.#resume;
    if (this.#limit > 0 && this.#taken >= this.#limit) return undefined;
    const { desc, message } = this.#request;
    const request = clone(desc, message);
    const fields = reflect(desc, request);
    // It may be one of several ways to start, of which a message has only one.
    if (this.#value !== '') fields.set(after, this.#value);
    if (limit && this.#taken > 0 && this.#limit > 0) fields.set(limit, this.#limit - this.#taken);
    return request;
  }

  refusalOf(error: unknown): MeshError | undefined {
    if (!this.#isResumed || !(error instanceof MeshError)) return undefined;
    const violation = error.violations.find(({ field }) => field === this.#resume.after.name);
    return violation && eventIdFault(violation.description);
  }

  #idOf(value: CursorValue, taken: number): string {
    return formatEventId(value, this.#limit > 0 ? taken : undefined);
  }

  get #value(): CursorValue {
    if (this.#last === undefined) return this.#start;
    return (Reflect.get(this.#last, this.#resume.cursor.localName) as CursorValue | undefined) ?? '';
  }
}
