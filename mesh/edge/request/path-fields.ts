import type { DescField, Message } from '@bufbuild/protobuf';
import { type JsonNode, JsonObject } from '../../json/json-node.ts';
import type { Faults } from '../json/faults.ts';
import { fieldsByName } from '../json/field-names.ts';
import { getLocal } from '../json/local-values.ts';
import type { MessageReaders } from '../json/message-readers.ts';
import { resolveFieldPath } from '../rules/field-path.ts';
import type { HttpRoute } from '../rules/http-routes.ts';
import type { TemplateVariable } from '../rules/path-template.ts';
import type { PathVariable } from '../rules/route-table.ts';
import { namesOf, openParent } from './nested-message.ts';
import { decodePathText } from './percent-decoding.ts';
import { textToJson } from './text-value.ts';

/** Sets the fields that the path binds. `body` is the JSON that gave the message its other fields. */
export type PathBinder = (
  message: Message,
  variables: readonly PathVariable[],
  body: JsonNode | undefined,
  faults: Faults,
) => void;

type VariableBinder = (message: Message, raw: string, body: JsonNode | undefined, faults: Faults) => void;

/** Compiles how a route's path gives fields of the request. */
export function compilePathBinder(route: HttpRoute, readers: MessageReaders): PathBinder {
  const binders = route.template.variables.map((variable) => compileVariable(route, variable, readers));
  return (message, variables, body, faults) => {
    for (let index = 0; index < binders.length; index += 1) {
      binders[index]?.(message, variables[index]?.raw ?? '', body, faults);
    }
  };
}

function compileVariable(route: HttpRoute, variable: TemplateVariable, readers: MessageReaders): VariableBinder {
  const path = resolveFieldPath(route.method.input, variable.fieldPath) ?? [];
  const field = path.at(-1);
  const toJson = field && textToJson(field);
  if (field === undefined || toJson === undefined) throw new Error(`a path cannot bind ${variable.fieldPath}`);
  const reader = readers.ofField(field);
  const parentPath = namesOf(path.slice(0, -1));
  const pathInBody = bodyPathOf(route, path);
  return (message, raw, body, faults) => {
    const text = decodePathText(raw, variable.isMultiSegment);
    if (text === undefined) {
      faults.add(variable.fieldPath, 'has an invalid percent escape or a character that has to be escaped');
      return;
    }
    const parent = openParent(message, path, faults);
    if (parent === undefined) return;
    const isInBody = body !== undefined && pathInBody !== undefined && hasValue(body, pathInBody);
    const inBody = isInBody ? getLocal(parent, field) : undefined;
    const from = faults.count;
    reader.read(parent, toJson(text), faults);
    faults.prefix(from, parentPath);
    // The path decides who may do what, so nothing else may give its fields another value. An equal one is allowed:
    // what GET returned can be sent back.
    if (isInBody && !isSame(inBody, getLocal(parent, field))) faults.add(variable.fieldPath, 'differs from the path');
  };
}

/** Returns the path of a field within the body; `undefined` if the body cannot have it. */
function bodyPathOf({ body }: HttpRoute, path: readonly DescField[]): readonly DescField[] | undefined {
  if (body === '*') return path;
  return body !== undefined && body === path[0] ? path.slice(1) : undefined;
}

function hasValue(body: JsonNode, path: readonly DescField[]): boolean {
  let node: JsonNode = body;
  for (const field of path) {
    if (!(node instanceof JsonObject)) return false;
    const { keys, values }: JsonObject = node;
    const at = keys.findIndex((key) => fieldsByName(field.parent).get(key) === field);
    node = values[at] ?? null;
  }
  return node !== null;
}

function isSame(one: unknown, other: unknown): boolean {
  if (one instanceof Uint8Array && other instanceof Uint8Array) return Buffer.compare(one, other) === 0;
  return Object.is(one, other);
}
