import { create, type DescMessage, type Message } from '@bufbuild/protobuf';
import type { JsonNode } from '../../json/json-node.ts';
import { JsonSyntaxError, parseJson } from '../../json/parse-json.ts';
import type { Faults } from '../json/faults.ts';
import type { MessageReaders } from '../json/message-readers.ts';
import { invalid } from '../json/value-reader.ts';
import type { HttpRoute } from '../rules/http-routes.ts';

/** The message with the fields that the body gives, and the JSON of the body; `undefined` if there was none. */
export interface ReadBody {
  readonly message: Message;
  readonly json: JsonNode | undefined;
}

/** Reads the text of a body. */
export type BodyReader = (text: string | undefined, faults: Faults) => ReadBody;

/** What a fault of the whole body names: its caller need not know which field of the request it is. */
export const wholeBody = 'body';

/**
 * Compiles how the body of a route gives fields of the request. A missing body gives none: whether that is allowed is for
 * the rules of the contract to say.
 */
export function compileBodyReader(
  { method: { input }, body }: Pick<HttpRoute, 'method' | 'body'>,
  readers: MessageReaders,
): BodyReader {
  const read = compileRead(input, body, readers);
  return (text, faults) => {
    if (text === undefined || text === '') return { message: create(input), json: undefined };
    if (read === undefined) {
      faults.add(wholeBody, 'must be empty: this method takes no body');
      return { message: create(input), json: undefined };
    }
    const json = parse(text, faults);
    return { message: json === undefined ? create(input) : read(json, faults), json };
  };
}

function parse(text: string, faults: Faults): JsonNode | undefined {
  try {
    return parseJson(text);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    faults.add(wholeBody, error.message);
    return undefined;
  }
}

type Read = (json: JsonNode, faults: Faults) => Message;

function compileRead(input: DescMessage, body: HttpRoute['body'], readers: MessageReaders): Read | undefined {
  if (body === undefined) return undefined;
  if (body === '*') {
    const read = readers.of(input);
    return (json, faults) => {
      const from = faults.count;
      const message = read(json, faults);
      if (message !== invalid) return message;
      faults.prefix(from, wholeBody);
      return create(input);
    };
  }
  const reader = readers.ofField(body);
  return (json, faults) => {
    const message = create(input);
    reader.read(message, json, faults);
    return message;
  };
}
