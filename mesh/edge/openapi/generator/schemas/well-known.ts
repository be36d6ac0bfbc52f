import type { DescMessage } from '@bufbuild/protobuf';
import { isWrapperDesc } from '@bufbuild/protobuf/wkt';
import type { Schema } from '../document.ts';
import { scalarSchema } from './scalars.ts';

const time = '2026-03-14T09:26:53.589Z';

const schemas: Readonly<Record<string, Schema>> = {
  'google.protobuf.Timestamp': { type: 'string', format: 'date-time', examples: [time] },
  'google.protobuf.Duration': {
    type: 'string',
    pattern: '^-?[0-9]{1,12}(\\.[0-9]{1,9})?s$',
    description: 'Seconds, with up to nine digits after the point.',
    examples: ['1.500s'],
  },
  'google.protobuf.FieldMask': {
    type: 'string',
    pattern: '^[^,]+(,[^,]+)*$|^$',
    description: 'Names of fields, separated by commas.',
    examples: ['*'],
  },
  'google.protobuf.Empty': { type: 'object', additionalProperties: false, maxProperties: 0 },
  'google.protobuf.Struct': { type: 'object', additionalProperties: true, examples: [{ key: 'value' }] },
  'google.protobuf.ListValue': { type: 'array', items: {}, examples: [['value']] },
  'google.protobuf.Value': { description: 'Any JSON value.', examples: ['value'] },
  'google.protobuf.Any': {
    type: 'object',
    properties: { '@type': { type: 'string' } },
    required: ['@type'],
    additionalProperties: true,
    examples: [{ '@type': 'type.googleapis.com/google.protobuf.Duration', value: '1.500s' }],
  },
};

/** Returns the schema of a message that has a JSON form of its own: a Timestamp is text. `undefined` for all others. */
export function wellKnownSchema(message: DescMessage): Schema | undefined {
  const wrapped = isWrapperDesc(message) ? message.fields[0]?.scalar : undefined;
  return wrapped === undefined ? schemas[message.typeName] : scalarSchema(wrapped);
}
