import type { DescMessage } from '@bufbuild/protobuf';
import { resolveFieldPath } from '../../../rules/field-path.ts';
import { paragraphs } from '../comments.ts';
import type { Parameter, Schema } from '../document.ts';
import type { PathParameter } from '../openapi-path.ts';
import { fieldSchema } from '../schemas/field-schema.ts';
import type { Schemas } from '../schemas/schemas.ts';

/** Returns the parameters of a path. `names` are theirs in the document, in order. */
export function pathParameters(
  variables: readonly PathParameter[],
  names: readonly string[],
  message: DescMessage,
  schemas: Schemas,
): Parameter[] {
  return variables.map((variable, index) => {
    const { description, ...schema } = variableSchema(variable, message, schemas);
    const [example] = schemas.resolve(schema).examples ?? [];
    return {
      name: names[index] ?? variable.name,
      in: 'path',
      description: paragraphs(description, partNote(variable)),
      required: true,
      schema,
      ...(example !== undefined && { example }),
    };
  });
}

const anySegment: Schema = { type: 'string', minLength: 1, examples: ['a'] };

function variableSchema({ field: path, pattern }: PathParameter, message: DescMessage, schemas: Schemas): Schema {
  const field = path === undefined ? undefined : resolveFieldPath(message, path)?.at(-1);
  if (field === undefined) return anySegment;
  const schema = fieldSchema(field, 'request', schemas);
  // A part of a value does not follow the rules of the whole.
  if (pattern === '*' || pattern === '**') return schema;
  return { ...anySegment, ...(schema.description && { description: schema.description }) };
}

function partNote({ field, pattern }: PathParameter): string | undefined {
  if (pattern === '*') return undefined;
  if (pattern === '**') return 'May have several segments: its slashes are sent as they are.';
  return `A part of \`${field}\`, which has the form \`${pattern}\`.`;
}
