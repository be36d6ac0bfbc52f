import type { FileRegistry, Message } from '@bufbuild/protobuf';
import { invalidRequest } from '../../errors/errors.ts';
import { Faults } from '../json/faults.ts';
import { MessageReaders } from '../json/message-readers.ts';
import type { HttpRoute } from '../rules/http-routes.ts';
import type { PathVariable } from '../rules/route-table.ts';
import { compilePathBinder } from './path-fields.ts';
import { compileQueryBinder } from './query-fields.ts';
import { compileBodyReader } from './read-body.ts';
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
  return ({ variables, query, body }) => {
    const faults = new Faults();
    const { message, json } = readBody(body, faults);
    bindPath(message, variables, json, faults);
    bindQuery(message, query, faults);
    if (faults.count > 0) throw invalidRequest(faults.violations);
    fillMask?.(message, json);
    return message;
  };
}

const knownReaders = new WeakMap<FileRegistry, MessageReaders>();

/** All routes of a registry share the readers of its messages. */
function readersOf(registry: FileRegistry): MessageReaders {
  const readers = knownReaders.get(registry) ?? new MessageReaders(registry);
  knownReaders.set(registry, readers);
  return readers;
}
