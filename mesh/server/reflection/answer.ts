import { Status } from 'nice-grpc-common';
import type {
  ServerReflectionRequest,
  ServerReflectionResponse,
} from '../../../gen/ts/grpc/reflection/v1/reflection.ts';
import type { DescriptorIndex, IndexedFile } from './descriptor-index.ts';

/** The answer to one request of reflection. */
export type ReflectionAnswer = NonNullable<ServerReflectionResponse['messageResponse']>;

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
): ReflectionAnswer {
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
      return listAnswer(listed);
    case undefined:
      return errorAnswer(Status.INVALID_ARGUMENT, 'the request is empty: set one field of message_request');
  }
}

/** The answer that lists services, sorted and each once. */
export function listAnswer(names: readonly string[]): ReflectionAnswer {
  const service = [...new Set(names)].toSorted().map((name) => ({ name }));
  return { $case: 'listServicesResponse', value: { service } };
}

/** Whether it is an answer, and not an error. */
export function isFound({ $case }: ReflectionAnswer): boolean {
  return $case !== 'errorResponse';
}

function fileAnswer(
  index: DescriptorIndex,
  sent: Set<string>,
  file: IndexedFile | undefined,
  what: string,
): ReflectionAnswer {
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

function notFound(what: string): ReflectionAnswer {
  return errorAnswer(Status.NOT_FOUND, `${what} not found on this server`);
}

function errorAnswer(errorCode: Status, errorMessage: string): ReflectionAnswer {
  return { $case: 'errorResponse', value: { errorCode, errorMessage } };
}
