import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { GenerationError } from '../../plugin/generation-error.ts';
import { paragraphs } from '../comments.ts';
import type { Parameter, Schema } from '../document.ts';
import type { PathVariable } from '../path-template.ts';
import { fieldSchema } from '../schemas/field-schema.ts';
import type { Schemas } from '../schemas/schemas.ts';

/** Returns the fields along a path such as `user.id`. Throws a {@link GenerationError} if there are none. */
export function fieldsAlong(message: DescMessage, path: string): [DescField, ...DescField[]] {
  const [name = '', ...rest] = path.split('.');
  const field = message.fields.find((candidate) => candidate.name === name);
  if (field === undefined)
    throw new GenerationError(message.typeName, `a google.api.http rule names its field ${name}`);
  if (rest.length === 0) return [field];
  if (field.message === undefined) throw new GenerationError(message.typeName, `${name} is not a message`);
  return [field, ...fieldsAlong(field.message, rest.join('.'))];
}

/** Returns the parameters of a path. `names` are theirs in the document, in order. */
export function pathParameters(
  variables: readonly PathVariable[],
  names: readonly string[],
  message: DescMessage,
  schemas: Schemas,
): Parameter[] {
  return variables.map((variable, index) => {
    const { description, ...schema } = variableSchema(variable, message, schemas);
    const [example] = schemas.resolve(schema).examples ?? [];
    const name = names[index] ?? variable.name;
    return {
      name,
      in: 'path',
      description: paragraphs(description, ...partNote(variable)),
      required: true,
      schema,
      ...(example !== undefined && { example }),
    };
  });
}

function variableSchema({ field, pattern }: PathVariable, message: DescMessage, schemas: Schemas): Schema {
  const last = field === undefined ? undefined : fieldsAlong(message, field).at(-1);
  if (last === undefined) return { type: 'string', minLength: 1, examples: ['a'] };
  const schema = fieldSchema(last, 'request', schemas);
  // A part of a value does not follow the rules of the whole.
  if (pattern === '*' || pattern === '**') return schema;
  return {
    type: 'string',
    minLength: 1,
    examples: ['a'],
    ...(schema.description && { description: schema.description }),
  };
}

function partNote({ field, pattern }: PathVariable): string[] {
  if (pattern === '*') return [];
  if (pattern === '**') return ['May have several segments: its slashes are sent as they are.'];
  return [`A part of \`${field}\`, which has the form \`${pattern}\`.`];
}
