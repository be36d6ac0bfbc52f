import { ContractError } from '../../../contract/contract-error.ts';
import { quote } from '../../../contract/plugin/generated-module.ts';
import type { Schema } from '../generator/document.ts';
import { docComment } from './doc-comment.ts';

/** In requests, integers of 64 bits may be a `bigint` and times a `Date`: the client writes them as the server reads them. */
export type View = 'request' | 'response';

const prefix = '#/components/schemas/';

/** Returns the TypeScript type of what a schema accepts, for lines indented by `indent`. */
export function typeOf(schema: Schema, view: View, indent: string): string {
  const { $ref, anyOf, type, properties, additionalProperties, items } = schema;
  if ($ref !== undefined) return `Json[${quote(nameOf($ref))}]`;
  if (schema.enum !== undefined) return union(schema.enum.map((value) => literal(value)));
  if (anyOf !== undefined) return union(anyOf.map((each) => typeOf(each, view, indent)));
  if (type === 'array') return listOf(typeOf(items ?? {}, view, indent));
  if (type === 'object') {
    if (properties !== undefined) return objectType(schema, view, indent);
    if (additionalProperties === false) return 'Record<string, never>';
    const values = typeof additionalProperties === 'object' ? typeOf(additionalProperties, view, indent) : 'unknown';
    return `Readonly<Record<string, ${values}>>`;
  }
  if (type === undefined) return 'unknown';
  return type === 'string' ? textType(schema.format, view) : scalarTypes[type];
}

const scalarTypes = { integer: 'number', number: 'number', boolean: 'boolean', null: 'null' } as const;

function textType(format: string | undefined, view: View): string {
  if (view === 'response') return 'string';
  if (format === 'int64' || format === 'uint64') return 'string | bigint';
  return format === 'date-time' ? 'string | Date' : 'string';
}

function objectType(
  { properties = {}, required = [], additionalProperties }: Schema,
  view: View,
  indent: string,
): string {
  const inner = `${indent}  `;
  const members = Object.entries(properties).flatMap(([name, schema]) => {
    const key = /^[A-Za-z_$][\w$]*$/.test(name) ? name : quote(name);
    const optional = required.includes(name) ? '' : '?';
    return [
      ...docComment(inner, schema.description),
      `${inner}readonly ${key}${optional}: ${typeOf(schema, view, inner)};`,
    ];
  });
  // Only an Any has more than its properties.
  const rest = additionalProperties === true ? [`${inner}readonly [name: string]: unknown;`] : [];
  return ['{', ...members, ...rest, `${indent}}`].join('\n');
}

function listOf(type: string): string {
  return type.includes(' | ') ? `readonly (${type})[]` : `readonly ${type}[]`;
}

function union(types: readonly string[]): string {
  return [...new Set(types)].join(' | ');
}

function literal(value: unknown): string {
  return typeof value === 'string' ? quote(value) : JSON.stringify(value);
}

function nameOf($ref: string): string {
  if ($ref.startsWith(prefix)) return $ref.slice(prefix.length);
  throw new ContractError($ref, 'it is not a schema of this document');
}

/** Returns the names of the schemas that these refer to, at any depth. */
export function namesWithin(schemas: readonly Schema[], all: Readonly<Record<string, Schema>>): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (schema: Schema): void => {
    const { $ref, anyOf = [], properties = {}, additionalProperties, items } = schema;
    if ($ref !== undefined && !found.has(nameOf($ref))) {
      found.add(nameOf($ref));
      visit(all[nameOf($ref)] ?? {});
    }
    for (const each of [...anyOf, ...Object.values(properties)]) visit(each);
    if (items !== undefined) visit(items);
    if (typeof additionalProperties === 'object') visit(additionalProperties);
  };
  schemas.forEach(visit);
  return found;
}
