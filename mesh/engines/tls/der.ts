/** One element of DER, the encoding of certificates (X.690). */
export interface DerElement {
  readonly tag: number;
  readonly value: Buffer;
}

const sequence = 0x30;
const objectId = 0x06;
const octetString = 0x04;
/** `extensions [3] EXPLICIT` of a TBSCertificate (RFC 5280, 4.1). */
const extensionsTag = 0xa3;

/** Splits DER into its elements. Throws a RangeError if it is malformed. */
export function derElements(bytes: Buffer): readonly DerElement[] {
  const elements: DerElement[] = [];
  for (let at = 0; at < bytes.length; ) {
    const { length, from } = lengthAt(bytes, at + 1);
    if (from + length > bytes.length) throw new RangeError('a DER element is longer than what contains it');
    elements.push({ tag: bytes[at] ?? 0, value: bytes.subarray(from, from + length) });
    at = from + length;
  }
  return elements;
}

function lengthAt(bytes: Buffer, at: number): { readonly length: number; readonly from: number } {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return { length: first, from: at + 1 };
  const count = first - 0x80;
  if (count === 0 || count > 4 || at + 1 + count > bytes.length) throw new RangeError('a DER length is malformed');
  return { length: bytes.readUIntBE(at + 1, count), from: at + 1 + count };
}

/** Returns the content of an element of this type. Throws a RangeError if it has another. */
function contentOf(element: DerElement | undefined, tag: number): Buffer {
  if (element?.tag !== tag) throw new RangeError('a DER element has an unexpected type');
  return element.value;
}

/** Returns the elements of a DER sequence. Throws a RangeError if it is none. */
export function derSequence(bytes: Buffer): readonly DerElement[] {
  return derElements(contentOf(derElements(bytes)[0], sequence));
}

/**
 * Returns the extensions of a certificate, by the hexadecimal form of their object id. Throws a RangeError if it is
 * malformed or has one twice.
 */
export function certificateExtensions(certificate: Buffer): ReadonlyMap<string, Buffer> {
  const signed = derElements(contentOf(derSequence(certificate)[0], sequence));
  const found = signed.find(({ tag }) => tag === extensionsTag);
  const extensions = new Map<string, Buffer>();
  for (const extension of found === undefined ? [] : derSequence(found.value)) {
    const parts = derElements(contentOf(extension, sequence));
    const id = contentOf(parts[0], objectId).toString('hex');
    if (extensions.has(id)) throw new RangeError('a certificate has an extension twice');
    // Between both there may be whether it is critical.
    extensions.set(id, contentOf(parts.at(-1), octetString));
  }
  return extensions;
}
