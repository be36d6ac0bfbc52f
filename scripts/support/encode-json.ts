import { type DescMessage, type Registry, toBinary } from '@bufbuild/protobuf';
import { Faults } from '../../mesh/edge/json/faults.ts';
import { MessageReaders } from '../../mesh/edge/json/message-readers.ts';
import { invalid } from '../../mesh/edge/json/value-reader.ts';
import { messageOf } from '../../mesh/errors/error-text.ts';
import { invalidRequest } from '../../mesh/errors/errors.ts';
import type { JsonNode } from '../../mesh/json/json-node.ts';

/** JSON that is not a message of its type. The text names the fields, and what they must be. */
export class EncodeError extends Error {
  override readonly name = 'EncodeError';
}

/**
 * Returns what encodes JSON as a message, with the reader of REST and Connect: integers keep all their digits, and a field that is
 * unknown or given twice is refused. `registry` has the types that a `google.protobuf.Any` may pack. It throws an
 * {@link EncodeError}.
 */
export function createJsonEncoder(type: DescMessage, registry: Registry): (json: JsonNode) => Uint8Array {
  const read = new MessageReaders(registry).of(type);
  return (json) => {
    const faults = new Faults();
    const message = read(json, faults);
    if (message === invalid) faults.prefix(0, 'request');
    if (message === invalid || faults.count > 0) throw new EncodeError(invalidRequest(faults.violations).message);
    try {
      return toBinary(type, message);
    } catch (error) {
      // A required field of proto2.
      throw new EncodeError(`invalid request: ${messageOf(error)}`);
    }
  };
}
