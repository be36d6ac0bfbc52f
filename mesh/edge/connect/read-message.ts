import { type DescMethod, fromBinary, type Message } from '@bufbuild/protobuf';
import { invalidRequest, undecodableMessage } from '../../errors/errors.ts';
import { Faults } from '../json/faults.ts';
import type { MessageReaders } from '../json/message-readers.ts';
import { decodeBody } from '../request/body-text.ts';
import { compileBodyReader } from '../request/read-body.ts';

/** Decodes the request message of a method. Throws INVALID_ARGUMENT `UNDECODABLE_MESSAGE` and `INVALID_FIELD`. */
export type MessageReader = (bytes: Uint8Array, isBinary: boolean) => Message;

/** Compiles the reader of a method's requests. JSON is read as strictly as for REST. */
export function compileMessageReader(method: DescMethod, readers: MessageReaders): MessageReader {
  const readJson = compileBodyReader({ method, body: '*' }, readers);
  const path = `/${method.parent.typeName}/${method.name}`;
  return (bytes, isBinary) => {
    if (isBinary) {
      try {
        return fromBinary(method.input, bytes);
      } catch (error) {
        throw undecodableMessage({ path }, { cause: error });
      }
    }
    const faults = new Faults();
    const { message } = readJson(decodeBody(bytes), faults);
    if (faults.count > 0) throw invalidRequest(faults.violations);
    return message;
  };
}
