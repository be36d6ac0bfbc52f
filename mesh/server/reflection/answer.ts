import { Status } from 'nice-grpc-common';
import type {
  ServerReflectionRequest,
  ServerReflectionResponse,
} from '../../../gen/ts/grpc/reflection/v1/reflection.ts';
import type { DescriptorIndex, IndexedFile } from './descriptor-index.ts';

type Answer = NonNullable<ServerReflectionResponse['messageResponse']>;

export interface ReflectionState {
  readonly index: DescriptorIndex;
  /** The services of the server. */
  readonly listed: readonly string[];
  /** The files that were sent on this stream: imports are sent only once. */
  readonly sent: Set<string>;
}

/** Answers one request. If there is no answer, returns an error response, and the stream continues. */
export function answerReflection(
  { messageRequest }: ServerReflectionRequest,
  { index, listed, sent }: ReflectionState,
): Answer {
  switch (messageRequest?.$case) {
    case 'fileByFilename':
      return fileAnswer(index, sent, index.filesByName.get(messageRequest.value), `file ${messageRequest.value}`);
    case 'fileContainingSymbol':
      return fileAnswer(index, sent, index.filesBySymbol.get(messageRequest.value), `symbol ${messageRequest.value}`);
    case 'fileContainingExtension': {
      const { containingType, extensionNumber } = messageRequest.value;
      const file = index.extensions.get(containingType)?.get(extensionNumber);
      return fileAnswer(index, sent, file, `extension ${extensionNumber} of ${containingType}`);
    }
    case 'allExtensionNumbersOfType': {
      const baseTypeName = messageRequest.value;
      if (!index.messages.has(baseTypeName)) return notFound(`type ${baseTypeName}`);
      const extensionNumber = [...(index.extensions.get(baseTypeName)?.keys() ?? [])];
      return { $case: 'allExtensionNumbersResponse', value: { baseTypeName, extensionNumber } };
    }
    case 'listServices':
      return { $case: 'listServicesResponse', value: { service: listed.map((name) => ({ name })) } };
    case undefined:
      return errorAnswer(Status.INVALID_ARGUMENT, 'the request is empty: set one field of message_request');
  }
}

function fileAnswer(index: DescriptorIndex, sent: Set<string>, file: IndexedFile | undefined, what: string): Answer {
  if (!file) return notFound(what);
  const files = [file, ...newImports(index, sent, file)];
  return { $case: 'fileDescriptorResponse', value: { fileDescriptorProto: files.map(({ bytes }) => bytes) } };
}

function newImports(index: DescriptorIndex, sent: Set<string>, file: IndexedFile): IndexedFile[] {
  sent.add(file.name);
  return file.imports.flatMap((name) => {
    const imported = index.filesByName.get(name);
    return !imported || sent.has(name) ? [] : [imported, ...newImports(index, sent, imported)];
  });
}

function notFound(what: string): Answer {
  return errorAnswer(Status.NOT_FOUND, `${what} not found on this server`);
}

function errorAnswer(errorCode: Status, errorMessage: string): Answer {
  return { $case: 'errorResponse', value: { errorCode, errorMessage } };
}
