import type { DescField, DescMessage, Message } from '@bufbuild/protobuf';
import type { JsonNode } from '../../json/json-node.ts';
import type { Faults } from '../json/faults.ts';
import { fieldsByName } from '../json/field-names.ts';
import type { MessageReaders } from '../json/message-readers.ts';
import { openMessageOf } from '../rules/field-path.ts';
import type { HttpRoute } from '../rules/http-routes.ts';
import { namesOf, openParent } from './nested-message.ts';
import { decodeQueryText } from './percent-decoding.ts';
import { type TextToJson, textToJson } from './text-value.ts';

/** Sets the fields that the query gives. */
export type QueryBinder = (message: Message, query: string, faults: Faults) => void;

/** A field that a query names, and the values that it gives. */
interface QueryField {
  readonly path: readonly DescField[];
  readonly toJson: TextToJson;
  readonly values: JsonNode[];
}

/**
 * Compiles how a query gives fields of the request that neither the path nor the body gives: `a.b=1`, lists by repeating
 * the name. Names are those of the contract or of JSON.
 */
export function compileQueryBinder(route: HttpRoute, readers: MessageReaders): QueryBinder {
  const resolve = compileResolver(route);
  return (message, query, faults) => {
    if (query === '') return;
    const given = new Map<string, QueryField>();
    for (const pair of query.split('&')) {
      if (pair !== '') readPair(pair, given, resolve, faults);
    }
    for (const { path, values } of given.values()) writeField(message, path, values, readers, faults);
  };
}

/** Returns the field that a name stands for, or why there is none. */
type Resolve = (name: string) => Omit<QueryField, 'values'> | string;

function readPair(pair: string, given: Map<string, QueryField>, resolve: Resolve, faults: Faults): void {
  const end = pair.indexOf('=');
  const rawName = end < 0 ? pair : pair.slice(0, end);
  const name = decodeQueryText(rawName);
  const text = end < 0 ? '' : decodeQueryText(pair.slice(end + 1));
  if (name === undefined || text === undefined) {
    faults.add(name ?? rawName, 'has an invalid percent escape or a character that has to be escaped');
    return;
  }
  const resolved = resolve(name);
  if (typeof resolved === 'string') {
    faults.add(name, resolved);
    return;
  }
  const key = namesOf(resolved.path);
  const known = given.get(key);
  const isList = resolved.path.at(-1)?.fieldKind === 'list';
  if (known === undefined) given.set(key, { ...resolved, values: [resolved.toJson(text)] });
  else if (isList) known.values.push(resolved.toJson(text));
  else faults.add(key, 'is given more than once');
}

function writeField(
  message: Message,
  path: readonly DescField[],
  values: readonly JsonNode[],
  readers: MessageReaders,
  faults: Faults,
): void {
  const field = path.at(-1);
  const parent = openParent(message, path, faults);
  if (field === undefined || parent === undefined) return;
  const from = faults.count;
  readers.ofField(field).read(parent, field.fieldKind === 'list' ? values : (values[0] ?? null), faults);
  faults.prefix(from, namesOf(path.slice(0, -1)));
}

function compileResolver({ method, template, body }: HttpRoute): Resolve {
  const bound = new Set(template.variables.map(({ fieldPath }) => fieldPath));
  return (name) => {
    if (body === '*') return 'cannot be in the query: the body is the whole request';
    const path = resolveName(method.input, name);
    if (typeof path === 'string') return path;
    if (bound.has(namesOf(path))) return 'cannot be in the query: the path gives it';
    if (body !== undefined && path[0] === body) return 'cannot be in the query: the body gives it';
    const field = path.at(-1);
    const toJson = field && textToJson(field);
    if (toJson === undefined) return 'is a message or a map, which a query cannot give as a whole';
    return { path, toJson };
  };
}

function resolveName(type: DescMessage, name: string): readonly DescField[] | string {
  const path: DescField[] = [];
  let parent: DescMessage | undefined = type;
  for (const part of name.split('.')) {
    const field: DescField | undefined = parent && fieldsByName(parent).get(part);
    if (field === undefined) return 'is not a field of the request';
    path.push(field);
    parent = openMessageOf(field);
  }
  return path;
}
