/** Fields that belong to HTTP/1.1 connections and make a message malformed (RFC 9113 section 8.2.2). */
const connectionFields: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);
const requestPseudoFields: ReadonlySet<string> = new Set([':method', ':scheme', ':authority', ':path']);
const responsePseudoFields: ReadonlySet<string> = new Set([':status']);
const noPseudoFields: ReadonlySet<string> = new Set();

/** What is wrong with the fields of a request; `undefined`: nothing. */
export function requestFault(fields: readonly string[]): string | undefined {
  const fault = fieldsFault(fields, requestPseudoFields);
  if (fault !== undefined) return fault;
  for (const name of [':method', ':scheme', ':path']) {
    const value = fieldValue(fields, name);
    if (value === undefined || value === '') return `a request has no ${name}`;
  }
  return undefined;
}

/** What is wrong with the fields of a response. */
export function responseFault(fields: readonly string[]): string | undefined {
  const fault = fieldsFault(fields, responsePseudoFields);
  if (fault !== undefined) return fault;
  return /^[1-9]\d\d$/.test(fieldValue(fields, ':status') ?? '') ? undefined : 'a response has no status';
}

/** What is wrong with trailers. */
export function trailersFault(fields: readonly string[]): string | undefined {
  return fieldsFault(fields, noPseudoFields);
}

/** The first value of a field; `undefined` when it is not there. */
export function fieldValue(fields: readonly string[], name: string): string | undefined {
  for (let index = 0; index < fields.length; index += 2) if (fields[index] === name) return fields[index + 1];
  return undefined;
}

function fieldsFault(fields: readonly string[], pseudoFields: ReadonlySet<string>): string | undefined {
  let regular = false;
  const seen = new Set<string>();
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? '';
    const value = fields[index + 1] ?? '';
    if (name.startsWith(':')) {
      if (regular) return 'a pseudo-field comes behind others';
      if (!pseudoFields.has(name)) return `there may be no ${name} here`;
      if (seen.has(name)) return `there are two ${name}`;
      if (!isFieldValue(value)) return `the value of ${name} has characters that it may not have`;
      seen.add(name);
      continue;
    }
    regular = true;
    if (!isFieldName(name)) return `"${name}" is no name of a field in lower case`;
    if (connectionFields.has(name)) return `${name} is a field of HTTP/1.1`;
    if (name === 'te' && value !== 'trailers') return 'te may be nothing but trailers';
    if (!isFieldValue(value)) return `the value of ${name} has characters that it may not have`;
  }
  return undefined;
}

function isFieldName(name: string): boolean {
  if (name.length === 0) return false;
  for (let index = 0; index < name.length; index += 1) {
    const code = name.charCodeAt(index);
    const upperCase = code >= 0x41 && code <= 0x5a;
    if (code <= 0x20 || upperCase || code >= 0x7f || code === 0x3a) return false;
  }
  return true;
}

// Blanks at its ends are borne, though RFC 9113 forbids them: clients of gRPC send them in metadata.
function isFieldValue(value: string): boolean {
  for (let index = 0; index < value.length; index += 1) {
    const code = value.charCodeAt(index);
    if (code < 0x20 ? code !== 0x09 : code === 0x7f) return false;
  }
  return true;
}
