import type { DescEnum, DescMessage, Registry } from '@bufbuild/protobuf';
import { commentOf, paragraphs } from '../comments.ts';
import type { Schema } from '../document.ts';
import { exampleMessage } from '../examples/example-message.ts';
import type { SchemaRefs, View } from './field-schema.ts';
import { messageSchema, type Shape } from './message-schema.ts';
import { createRequiredFields } from './required-fields.ts';
import { wellKnownSchema } from './well-known.ts';

/** The schemas of a document, each under one name. */
export interface Schemas extends SchemaRefs {
  /** Returns the schema of the body of requests: all of `message` that `shape` leaves. */
  body(message: DescMessage, name: string, shape: Shape): Schema;
  /** Returns the schema that a schema refers to, or the schema itself. It is empty while it is being made. */
  resolve(schema: Schema): Schema;
  /** Returns all schemas that were asked for, sorted by name. */
  all(): Record<string, Schema>;
}

const prefix = '#/components/schemas/';

/**
 * Creates the schemas of a document. A message in responses has its full name, `user.v1.User`; where it is a part of
 * requests, it has rules and is `user.v1.User-Input`. One whose name ends with `Request` has no suffix there.
 */
export function createSchemas(registry: Registry): Schemas {
  const schemas = new Map<string, Schema>();

  function add(name: string, make: () => Schema): Schema {
    if (!schemas.has(name)) {
      // Taken before it is made: a message may hold itself.
      schemas.set(name, {});
      schemas.set(name, make());
    }
    return { $ref: `${prefix}${name}` };
  }

  const refs: Schemas = {
    registry,
    required: createRequiredFields(registry),
    message(message, view) {
      const known = wellKnownSchema(message);
      return known ?? add(nameOf(message, view), () => withExample(message, view, {}));
    },
    enum: (type) => add(type.typeName, () => enumSchema(type)),
    body: (message, name, shape) => wellKnownSchema(message) ?? add(name, () => withExample(message, 'request', shape)),
    resolve: (schema) => (schema.$ref === undefined ? schema : (schemas.get(schema.$ref.slice(prefix.length)) ?? {})),
    all: () => withTitles([...schemas].sort(([one], [other]) => (one < other ? -1 : 1))),
  };

  function withExample(message: DescMessage, view: View, shape: Shape): Schema {
    const schema = messageSchema(message, view, refs, shape);
    return { ...schema, examples: [exampleMessage(message, schema, view === 'request', refs.resolve)] };
  }

  return refs;
}

/** Returns the name of a message's schema. A message that is named as a request is one, and any other is a response. */
export function nameOf({ typeName }: DescMessage, view: View): string {
  const isNamedRequest = typeName.endsWith('Request');
  if (view === 'request') return isNamedRequest ? typeName : `${typeName}-Input`;
  return isNamedRequest ? `${typeName}-Output` : typeName;
}

/**
 * Adds the names that generators give to types: `UserInput` for `user.v1.User-Input`, and `UserV1UserInput` if a schema of
 * another package has the same.
 */
function withTitles(schemas: readonly (readonly [string, Schema])[]): Record<string, Schema> {
  const titled = schemas.map(([name, schema]) => ({ name, schema, title: pascalCase(withoutPackage(name)) }));
  const byTitle = Map.groupBy(titled, ({ title }) => title);
  return Object.fromEntries(
    titled.map(({ name, schema, title }) => {
      const isUnique = byTitle.get(title)?.length === 1;
      return [name, { title: isUnique ? title : pascalCase(name), ...schema }];
    }),
  );
}

/** `user.v1.User-Input` → `User-Input`: the words of packages begin in lower case. */
function withoutPackage(name: string): string {
  return name.replace(/^(?:[a-z]\w*\.)+/, '');
}

function pascalCase(name: string): string {
  return name
    .split(/[.\-_]/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}

function enumSchema(type: DescEnum): Schema {
  const values = type.values.map((value) => `- \`${value.name}\`: ${commentOf(value)}`).join('\n');
  return {
    description: paragraphs(commentOf(type), values),
    type: 'string',
    enum: type.values.map(({ name }) => name),
    examples: [(type.values.find(({ number }) => number !== 0) ?? type.values[0])?.name ?? ''],
  };
}
