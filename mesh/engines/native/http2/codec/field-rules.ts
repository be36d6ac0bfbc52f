/** Fields that belong to HTTP/1.1 connections and make a message malformed (RFC 9113 section 8.2.2). */
const connectionFields: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);
const requestPseudoFields: ReadonlySet<string> = new Set([':method', ':scheme', ':authority', ':path']);
const requiredFields = [':method', ':scheme', ':path'];
const connectFields = [':method', ':authority'];
const responsePseudoFields: ReadonlySet<string> = new Set([':status']);
const noPseudoFields: ReadonlySet<string> = new Set();

/** What is wrong with the fields of a request; `undefined` if nothing is. */
export function requestFault(fields: readonly string[]): string | undefined {
  const fault = fieldsFault(fields, requestPseudoFields);
  if (fault !== undefined) return fault;
  // CONNECT names only a peer (RFC 9113 section 8.5).
  const isConnect = fieldValue(fields, ':method') === 'CONNECT';
  for (const name of isConnect ? connectFields : requiredFields) {
    if ((fieldValue(fields, name) ?? '') === '') return `a request has no ${name}`;
  }
  if (!isConnect) return undefined;
  const unwanted = [':scheme', ':path'].find((name) => fieldValue(fields, name) !== undefined);
  return unwanted === undefined ? undefined : `${unwanted} is not allowed with CONNECT`;
}

/** What is wrong with the fields of a response; `undefined` if nothing is. */
export function responseFault(fields: readonly string[]): string | undefined {
  const fault = fieldsFault(fields, responsePseudoFields);
  if (fault !== undefined) return fault;
  const status = fieldValue(fields, ':status') ?? '';
  // HTTP/2 has no upgrade (RFC 9113 section 8.6).
  if (status === '101') return 'a response of 101 is not allowed';
  return /^[1-9]\d\d$/.test(status) ? undefined : 'a response has no status';
}

/** What is wrong with trailers; `undefined` if nothing is. */
export function trailersFault(fields: readonly string[]): string | undefined {
  return fieldsFault(fields, noPseudoFields);
}

/** The first value of a field; `undefined` if the field is missing. */
export function fieldValue(fields: readonly string[], name: string): string | undefined {
  for (let index = 0; index < fields.length; index += 2) if (fields[index] === name) return fields[index + 1];
  return undefined;
}

/**
 * The value of a field. Several with its name are one list (RFC 9110 section 5.3). `undefined` if the field is missing.
 */
export function joinedValue(fields: readonly string[], name: string): string | undefined {
  let joined: string | undefined;
  for (let index = 0; index < fields.length; index += 2) {
    if (fields[index] !== name) continue;
    const value = fields[index + 1] ?? '';
    joined = joined === undefined ? value : `${joined}, ${value}`;
  }
  return joined;
}

/** Whether all fields with this name have the same value. */
export function hasOneValue(fields: readonly string[], name: string): boolean {
  const value = fieldValue(fields, name);
  for (let index = 0; index < fields.length; index += 2) {
    if (fields[index] === name && fields[index + 1] !== value) return false;
  }
  return true;
}

function fieldsFault(fields: readonly string[], pseudoFields: ReadonlySet<string>): string | undefined {
  let regular = false;
  const seen = new Set<string>();
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? '';
    const value = fields[index + 1] ?? '';
    if (name.startsWith(':')) {
      if (regular) return 'a pseudo-field comes after other fields';
      if (!pseudoFields.has(name)) return `${name} is not allowed here`;
      if (seen.has(name)) return `${name} comes twice`;
      if (!isFieldValue(value)) return `the value of ${name} has invalid characters`;
      seen.add(name);
      continue;
    }
    regular = true;
    if (!isFieldName(name)) return `"${name}" is not a valid lower-case field name`;
    if (connectionFields.has(name)) return `${name} is a field of HTTP/1.1`;
    if (name === 'te' && value !== 'trailers') return 'te is not "trailers"';
    if (!isFieldValue(value)) return `the value of ${name} has invalid characters`;
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

// Blanks at its ends are accepted, though RFC 9113 forbids them, because gRPC clients send them in metadata.
function isFieldValue(value: string): boolean {
  for (let index = 0; index < value.length; index += 1) {
    const code = value.charCodeAt(index);
    if (code < 0x20 ? code !== 0x09 : code === 0x7f) return false;
  }
  return true;
}
