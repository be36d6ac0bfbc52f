import type { DescMethod, FileRegistry } from '@bufbuild/protobuf';
import { exitCode } from '../../../examples/support/failures.ts';
import { withCommandsHere } from '../../../mesh/errors/commands-here.ts';
import { isJsonArray, type JsonNode, JsonObject } from '../../../mesh/json/json-node.ts';
import { JsonSyntaxError, parseJson } from '../../../mesh/json/parse-json.ts';
import { createJsonEncoder, EncodeError } from '../../support/encode-json.ts';
import { CommandError } from '../cli.ts';

/** Encodes the requests of a call. Throws a CommandError that says what is wrong with the JSON. */
export function readRequests({ input, methodKind }: DescMethod, text: string, types: FileRegistry): Buffer[] {
  const takesStream = methodKind === 'client_streaming' || methodKind === 'bidi_streaming';
  const read = readNodes(text.trim(), takesStream);
  const [first] = read;
  const nodes = takesStream && read.length === 1 && first !== undefined && isJsonArray(first) ? first : read;
  const encode = createJsonEncoder(input, types);
  return nodes.map((node) => {
    try {
      return Buffer.from(encode(node));
    } catch (error) {
      if (!(error instanceof EncodeError)) throw error;
      const see = withCommandsHere(`see "npx ordermesh describe ${input.typeName}"`);
      throw new CommandError(`${error.message}; ${see}`, exitCode.usage);
    }
  });
}

function readNodes(text: string, mayBeLines: boolean): JsonNode[] {
  if (text === '') return mayBeLines ? [] : [new JsonObject()];
  try {
    return [parseJson(text)];
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    if (mayBeLines && lines.length > 1) return lines.flatMap((line) => readNodes(line, false));
    throw new CommandError(`the request ${error.message}`, exitCode.usage);
  }
}
