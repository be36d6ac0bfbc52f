import { type DescField, type FileRegistry, getExtension, hasExtension, type Message } from '@bufbuild/protobuf';
import { invalidRequest } from '../../errors/errors.ts';
import { Faults } from '../json/faults.ts';
import { getLocal } from '../json/local-values.ts';
import { MessageReaders } from '../json/message-readers.ts';
import type { HttpRoute } from '../rules/http-routes.ts';
import type { PathVariable } from '../rules/route-table.ts';
import { compilePathBinder } from './path-fields.ts';
import { compileQueryBinder } from './query-fields.ts';
import { compileBodyReader, wholeBody } from './read-body.ts';
import { compileMaskFiller } from './update-mask.ts';

/** The parts of an HTTP request that make the request message. */
export interface RequestParts {
  readonly variables: readonly PathVariable[];
  /** The query as it was sent, without its question mark. */
  readonly query: string;
  /** The text of the body. `undefined` or empty: none. */
  readonly body: string | undefined;
}

/** Reads the request message. Throws INVALID_ARGUMENT `INVALID_FIELD` with each field that is wrong. */
export type RequestReader = (parts: RequestParts) => Message;

/** Compiles the reader of a route's requests. */
export function compileRequestReader(route: HttpRoute, registry: FileRegistry): RequestReader {
  const readers = readersOf(registry);
  const readBody = compileBodyReader(route, readers);
  const bindPath = compilePathBinder(route, readers);
  const bindQuery = compileQueryBinder(route, readers);
  const fillMask = compileMaskFiller(route, registry);
  const needed = requiredBody(route, registry);
  return ({ variables, query, body }) => {
    const faults = new Faults();
    const { message, json } = readBody(body, faults);
    bindPath(message, variables, json, faults);
    bindQuery(message, query, faults);
    const isMissing = needed !== undefined && json === undefined && getLocal(message, needed) === undefined;
    if (isMissing && faults.count === 0) faults.add(wholeBody, 'is required');
    if (faults.count > 0) throw invalidRequest(faults.violations);
    fillMask?.(message, json);
    return message;
  };
}

/** The message that is the body, if its contract requires it. The path may give a part of it, and so set it too. */
function requiredBody({ body }: HttpRoute, registry: FileRegistry): DescField | undefined {
  if (typeof body !== 'object' || body.fieldKind !== 'message') return undefined;
  const rules = registry.getExtension('buf.validate.field');
  const { options } = body.proto;
  if (rules === undefined || options === undefined || !hasExtension(options, rules)) return undefined;
  return (getExtension(options, rules) as Message & { readonly required: boolean }).required ? body : undefined;
}

const knownReaders = new WeakMap<FileRegistry, MessageReaders>();

/** All routes of a registry share the readers of its messages. */
function readersOf(registry: FileRegistry): MessageReaders {
  const readers = knownReaders.get(registry) ?? new MessageReaders(registry);
  knownReaders.set(registry, readers);
  return readers;
}
