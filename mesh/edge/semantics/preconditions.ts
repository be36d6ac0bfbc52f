import type { IncomingHttpHeaders } from 'node:http';
import type { DescMethod, Message } from '@bufbuild/protobuf';
import { staleEtag } from '../../errors/errors.ts';
import { requestIdReused } from '../../idempotency/errors.ts';
import { hasTag, readTagCondition, strongTags, type TagCondition } from './entity-tags.ts';
import { headerContradictsBody, invalidHeader, preconditionFailed } from './errors.ts';
import { type EtagField, requestEtag } from './etag-fields.ts';

/** A request may not make the edge call a service more often than this. */
const maxTags = 10;

type Call = (request: Message) => Promise<Message>;

/** The conditions of one request. */
export interface Preconditions {
  /** Whether the header `If-Match` sets the etag of the change, so that a stale one is answered with 412. */
  readonly isIfMatch: boolean;
  /** Makes the change: with each etag of the header in turn, as long as it is stale. */
  run(call: Call, request: Message): Promise<Message>;
  /**
   * Whether the caller already has the answer with this etag. Throws FAILED_PRECONDITION `PRECONDITION_FAILED` if it wants another
   * one.
   */
  isNotModified(etag: string): boolean;
}

/** Reads the conditions of a request. Throws INVALID_ARGUMENT, and FAILED_PRECONDITION `PRECONDITION_FAILED`. */
export type ReadPreconditions = (request: Message, headers: IncomingHttpHeaders) => Preconditions;

const unconditional: Preconditions = {
  isIfMatch: false,
  run: (call, request) => call(request),
  isNotModified: () => false,
};

/**
 * Compiles how a route reads `If-Match` and `If-None-Match` (RFC 9110, 13). A read compares them with the etag of its answer. For a change,
 * `If-Match` becomes the etag of the request: the service compares it in the transaction of the change.
 */
export function compilePreconditions(method: DescMethod, verb: string): ReadPreconditions {
  const field = requestEtag(method, verb);
  return (request, { 'if-match': match, 'if-none-match': noneMatch }) => {
    if (match === undefined && noneMatch === undefined) return unconditional;
    const ifMatch = match === undefined ? undefined : readTagCondition('If-Match', match);
    const ifNoneMatch = noneMatch === undefined ? undefined : readTagCondition('If-None-Match', noneMatch);
    if (verb === 'GET') return conditionsOfRead(ifMatch, ifNoneMatch);
    if (ifNoneMatch !== undefined) {
      throw preconditionFailed({ header: 'If-None-Match', problem: 'it is for GET and HEAD: leave it out' });
    }
    return ifMatch === undefined || ifMatch === '*' ? unconditional : conditionsOfChange(request, ifMatch, field);
  };
}

function conditionsOfRead(ifMatch: TagCondition | undefined, ifNoneMatch: TagCondition | undefined): Preconditions {
  return {
    ...unconditional,
    isNotModified(etag) {
      if (ifMatch !== undefined && ifMatch !== '*' && !strongTags(ifMatch).includes(etag)) {
        throw preconditionFailed({ header: 'If-Match', problem: 'the resource has another etag: read it again' });
      }
      return ifNoneMatch !== undefined && hasTag(ifNoneMatch, etag);
    },
  };
}

function conditionsOfChange(
  request: Message,
  ifMatch: Exclude<TagCondition, '*'>,
  field: EtagField | undefined,
): Preconditions {
  if (field === undefined) {
    throw preconditionFailed({ header: 'If-Match', problem: 'this method compares no etag: leave it out, or send *' });
  }
  const tags = strongTags(ifMatch);
  if (tags.length === 0) {
    throw preconditionFailed({ header: 'If-Match', problem: 'a weak or empty tag matches nothing: send a strong one' });
  }
  if (tags.length > maxTags) throw invalidHeader('If-Match', `give at most ${maxTags} tags`);
  const inBody = field.get(request);
  if (inBody === '') {
    return { ...unconditional, isIfMatch: true, run: (call) => changeIfOneMatches(call, request, tags, field) };
  }
  if (!tags.includes(inBody)) throw headerContradictsBody('If-Match', field.path);
  return { ...unconditional, isIfMatch: true };
}

/**
 * Makes the change with the first tag that is not stale. With an idempotency key, an earlier request may have succeeded with a later
 * tag: then the others count as another payload.
 */
async function changeIfOneMatches(
  call: Call,
  request: Message,
  tags: readonly string[],
  field: EtagField,
): Promise<Message> {
  const [last, ...others] = tags.toReversed();
  for (const tag of others.reverse()) {
    field.set(request, tag);
    try {
      return await call(request);
    } catch (error) {
      if (!staleEtag.is(error) && !requestIdReused.is(error)) throw error;
    }
  }
  field.set(request, last ?? '');
  return await call(request);
}
