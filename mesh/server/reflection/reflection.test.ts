import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { fromBinary } from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { createChannel, createClientFactory, Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ServerReflectionDefinition,
  type ServerReflectionRequest,
  type ServerReflectionResponse,
} from '../../../gen/ts/grpc/reflection/v1/reflection.ts';
import { contractDescriptors } from '../../contract/declared-services.ts';
import { grpcurl } from '../../testing/servers/go-tools.ts';
import { describeWithServer } from '../../testing/servers/servers.ts';
import { systemClock } from '../../time/clock.ts';
import { createHealth } from '../health/health.ts';
import { echoService } from '../testing/echo-service.ts';
import { serveForTest } from '../testing/serve-echo.ts';

const v1alpha = { ...ServerReflectionDefinition, fullName: 'grpc.reflection.v1alpha.ServerReflection' };
const services = [
  'grpc.health.v1.Health',
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
  'test.v1.EchoService',
];

let served: Awaited<ReturnType<typeof serveForTest>>;
let channel: ReturnType<typeof createChannel>;
beforeAll(async () => {
  served = await serveForTest({ serves: [echoService()], health: createHealth(systemClock) });
  channel = createChannel(served.address);
});
afterAll(async () => {
  channel.close();
  await served.server.drain(0);
});

type Question = NonNullable<ServerReflectionRequest['messageRequest']>;

async function ask(definition: typeof v1alpha | typeof ServerReflectionDefinition, ...questions: Question[]) {
  const client = createClientFactory().create<typeof v1alpha>(definition, channel);
  const requests = (async function* () {
    for (const messageRequest of questions) yield { host: 'h', messageRequest };
  })();
  return Array.fromAsync(client.serverReflectionInfo(requests), (response) => response.messageResponse);
}

function filesOf(answer: ServerReflectionResponse['messageResponse']): FileDescriptorProto[] {
  if (answer?.$case !== 'fileDescriptorResponse') throw new Error(`no file in the answer but ${answer?.$case}`);
  return answer.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
}

function fileNames(answer: ServerReflectionResponse['messageResponse']): string[] {
  return filesOf(answer).map(({ name }) => name);
}

describe.each([
  ['v1', ServerReflectionDefinition],
  ['v1alpha', v1alpha],
])('reflection %s', (_, definition) => {
  it('lists only the services that are served', async () => {
    const [answer] = await ask(definition, { $case: 'listServices', value: '' });
    expect(answer).toEqual({ $case: 'listServicesResponse', value: { service: services.map((name) => ({ name })) } });
  });

  it('returns a file by its name, with its imports once per stream', async () => {
    const question: Question = { $case: 'fileByFilename', value: 'user/v1/user.proto' };
    const [first, second] = await ask(definition, question, question);
    expect(fileNames(first)[0]).toBe('user/v1/user.proto');
    expect(fileNames(first)).toContain('google/protobuf/timestamp.proto');
    expect(fileNames(second)).toEqual(['user/v1/user.proto']);
  });

  // Clients generate code from these files, so a part of their source info would not do.
  it('returns each file as generated, with its comments', async () => {
    const { file: files } = fromBinary(FileDescriptorSetSchema, await readFile(contractDescriptors));
    const answers = await ask(
      definition,
      ...files.map(({ name: value }) => ({ $case: 'fileByFilename', value }) as const),
    );
    expect(answers.map((answer) => filesOf(answer)[0])).toEqual(files);
  });

  it.each(['user.v1.UserService', 'user.v1.UserService.GetUser', 'user.v1.User', 'user.v1.User.email'])(
    'returns the file that declares %s',
    async (value) => {
      const [answer] = await ask(definition, { $case: 'fileContainingSymbol', value });
      expect(fileNames(answer)[0]).toBe('user/v1/user.proto');
    },
  );

  it('finds extensions by type and number', async () => {
    const type = 'google.protobuf.MethodOptions';
    const [numbers, file] = await ask(
      definition,
      { $case: 'allExtensionNumbersOfType', value: type },
      { $case: 'fileContainingExtension', value: { containingType: type, extensionNumber: 50_151 } },
    );
    expect(numbers).toMatchObject({
      value: { baseTypeName: type, extensionNumber: expect.arrayContaining([50_151, 72_295_728]) },
    });
    expect(fileNames(file)[0]).toBe('mesh/v1/policy.proto');
  });

  it.each<Question>([
    { $case: 'fileByFilename', value: 'no.proto' },
    { $case: 'fileContainingSymbol', value: 'no.such.Symbol' },
    { $case: 'allExtensionNumbersOfType', value: 'no.such.Type' },
    { $case: 'fileContainingExtension', value: { containingType: 'no.such.Type', extensionNumber: 1 } },
  ])('answers $$case with an error if there is none, and continues', async (question) => {
    const [missing, next] = await ask(definition, question, { $case: 'listServices', value: '' });
    expect(missing).toMatchObject({ $case: 'errorResponse', value: { errorCode: Status.NOT_FOUND } });
    expect(next?.$case).toBe('listServicesResponse');
  });
});

describeWithServer(grpcurl, 'reflection as grpcurl reads it', () => {
  const run = async (...parameters: string[]) =>
    (await promisify(execFile)(grpcurl.path, ['-plaintext', ...parameters])).stdout;

  it('lists and describes services', async () => {
    expect((await run(served.address, 'list')).trim().split('\n')).toEqual(services);
    expect(await run(served.address, 'describe', 'user.v1.User')).toContain('string email = 3');
  });

  it('calls a method that it knows only by reflection', async () => {
    const answer = await run('-d', '{"service":""}', served.address, 'grpc.health.v1.Health/Check');
    expect(JSON.parse(answer)).toEqual({ status: 'NOT_SERVING' });
  });
});
