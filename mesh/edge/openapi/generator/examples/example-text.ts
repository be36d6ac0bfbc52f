import type { DescField } from '@bufbuild/protobuf';
import { isEmail, isHostname, isIpv4, isIpv6, isUuid } from '../../../../contract/formats.ts';
import { isUri, isUriReference } from '../../../../contract/uri.ts';
import { commentOf } from '../comments.ts';
import type { Schema } from '../document.ts';
import { samplePattern } from './sample-pattern.ts';

const uuid = '01997a3e-7c1a-7b52-9d3e-2f6a8c4b1d07';

/** An example and a test for each format that a schema may have. */
const formats: Readonly<Record<string, { readonly example: string; readonly isValid: (text: string) => boolean }>> = {
  byte: {
    example: 'aGVsbG8=',
    isValid: (text) => /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==|[A-Za-z0-9+/]=))?$/.test(text),
  },
  email: { example: 'ada@example.com', isValid: isEmail },
  hostname: { example: 'www.example.com', isValid: isHostname },
  ipv4: { example: '192.0.2.1', isValid: isIpv4 },
  ipv6: { example: '2001:db8::1', isValid: isIpv6 },
  uri: { example: 'https://www.example.com/', isValid: isUri },
  'uri-reference': { example: './page', isValid: isUriReference },
  uuid: { example: uuid, isValid: isUuid },
};

/**
 * Returns an example for a text: what the comment of its field names (``for example `USD` ``), what its format or its name
 * suggest, or else the shortest text that its pattern matches. `undefined`: none of them fits its schema.
 */
export function exampleText(field: DescField, schema: Schema): string | undefined {
  return candidates(field, schema)
    .filter((text) => text !== undefined)
    .map((text) => fitLength(text, schema))
    .find((text) => isExampleText(text, schema));
}

function candidates(field: DescField, schema: Schema): (string | undefined)[] {
  const comment = commentOf(field);
  return [
    named(comment),
    ...[schema, ...(schema.anyOf ?? [])].map(({ format }) => formats[format ?? '']?.example),
    /\bUUID/.test(comment) && field.name !== 'request_id' ? uuid : undefined,
    nameOf(field),
    field.name.replaceAll('_', ' '),
    '1',
    schema.pattern === undefined ? undefined : samplePattern(schema.pattern),
    ...(schema.enum ?? []).map(String),
  ];
}

/** The example that a comment names, or the first of the names that it lists. */
export function named(comment: string): string | undefined {
  return (/\b(?:for example|such as),? `([^`]+)`/i.exec(comment) ?? /: `([^`]+)`/.exec(comment))?.[1];
}

/** `user-1` for the id of a user, `1` for a version. */
function nameOf({ name, parent }: DescField): string | undefined {
  if (name === 'etag') return '1';
  const resource = /^(?:.*_)?([a-z]+)_ids?$/.exec(name)?.[1];
  if (resource !== undefined && resource !== 'after') return `${resource}-1`;
  if (!/^(?:after_)?(?:ids?|skus?)$/.test(name)) return undefined;
  if (/skus?$/.test(name)) return 'sku-1';
  const [noun] = /[A-Z][a-z]+$/.exec(parent.name.replace(/s?Request$/, '')) ?? ['item'];
  return `${noun.toLowerCase()}-1`;
}

function fitLength(text: string, { minLength = 0, maxLength = text.length }: Schema): string {
  return text.padEnd(minLength, text === '' ? 'a' : text).slice(0, maxLength);
}

/** Whether a text follows the keywords of a schema that are tested here, and has its format. */
export function isExampleText(text: string, schema: Schema): boolean {
  const { format = '', pattern, enum: allowed, const: only, minLength = 0, maxLength = text.length } = schema;
  return (
    text.length >= minLength &&
    text.length <= maxLength &&
    (formats[format]?.isValid(text) ?? true) &&
    (pattern === undefined || new RegExp(pattern, 'u').test(text)) &&
    (allowed === undefined || allowed.includes(text)) &&
    (only === undefined || only === text) &&
    (schema.anyOf?.some((choice) => isExampleText(text, choice)) ?? true) &&
    (schema.allOf?.every((part) => isExampleText(text, part)) ?? true) &&
    !(schema.not !== undefined && isExampleText(text, schema.not))
  );
}
