import { create, createFileRegistry, type FileRegistry, fromBinary } from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import {
  ServerReflectionDefinition,
  type ServerReflectionRequest,
  type ServerReflectionResponse,
} from '#gen/grpc/reflection/v1/reflection.ts';
import { exitCode } from '../../../examples/support/failures.ts';
import { withCommandsHere } from '../../../mesh/errors/commands-here.ts';
import { type Cli, CommandError } from '../cli.ts';

/** The contracts of a server, as it describes them. */
export interface Reflection {
  /** Returns the names of its services, sorted. */
  services(): Promise<string[]>;
  /** Returns the types of the file that declares a symbol, and of what it imports. Throws a CommandError if none does. */
  typesOf(symbol: string): Promise<FileRegistry>;
}

type Request = NonNullable<ServerReflectionRequest['messageRequest']>;
type Response = NonNullable<ServerReflectionResponse['messageResponse']>;

/** Asks a server by `grpc.reflection.v1`. */
export function createReflection(cli: Pick<Cli, 'client'>): Reflection {
  const client = cli.client(ServerReflectionDefinition);

  async function ask(messageRequest: Request): Promise<Response | undefined> {
    async function* requests() {
      yield { host: '', messageRequest };
    }
    for await (const { messageResponse } of client.serverReflectionInfo(requests())) return messageResponse;
    return undefined;
  }

  async function files(request: Request): Promise<FileDescriptorProto[] | undefined> {
    const response = await ask(request);
    if (response?.$case !== 'fileDescriptorResponse') return undefined;
    return response.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
  }

  return {
    async services() {
      const response = await ask({ $case: 'listServices', value: '' });
      if (response?.$case !== 'listServicesResponse') return [];
      return response.value.service.map(({ name }) => name).toSorted();
    },
    async typesOf(symbol) {
      const found = await files({ $case: 'fileContainingSymbol', value: symbol });
      const [first] = found ?? [];
      if (!found || !first)
        throw new CommandError(
          `the mesh has no ${symbol}: ${withCommandsHere('see "npx ordermesh list"')}`,
          exitCode.usage,
        );
      const known = new Map(found.map((file) => [file.name, file]));
      for (const file of known.values()) {
        for (const name of file.dependency) {
          if (known.has(name)) continue;
          const imported = await files({ $case: 'fileByFilename', value: name });
          // A Map visits what is added while it is read.
          for (const each of imported ?? []) if (!known.has(each.name)) known.set(each.name, each);
        }
      }
      return createFileRegistry(create(FileDescriptorSetSchema, { file: importedFirst(first, known) }));
    },
  };
}

/** A file and what it imports, each file after its imports. */
function importedFirst(
  file: FileDescriptorProto,
  known: ReadonlyMap<string, FileDescriptorProto>,
): FileDescriptorProto[] {
  const sorted = new Set<FileDescriptorProto>();
  const visit = (each: FileDescriptorProto) => {
    if (sorted.has(each)) return;
    for (const name of each.dependency) {
      const imported = known.get(name);
      if (imported) visit(imported);
    }
    sorted.add(each);
  };
  visit(file);
  return [...sorted];
}
